"""What single model types need beyond the rules of tiny_configs: changes to their configs, stand-ins, refusals."""

from transformers import CLIPVisionConfig

ALTERNATING = ["sliding_attention", "full_attention"] * 2
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 64,
    "llama_4_scaling_beta": 0.1,
}
# The vision towers of fast_vlm, perception_lm and gemma3n come from timm, which need not be installed.
CLIP = {
    "hidden_size": 64,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 28,
    "patch_size": 14,
}
CLIP_PART = CLIP | {"model_type": "clip_vision_model"}
VISUAL_TOKENS = range(210, 274)


def _text(**changes) -> dict:
    """Changes to the text part of a composite config."""
    return {"text_config": changes}


def _sections(*sections: int, **more) -> dict:
    """Rotary parameters with a share of the head for time, height and width."""
    return ROPE | {"mrope_section": list(sections)} | more


def _letters(number: int) -> str:
    """A number with letters for digits, the way chameleon spells its image tokens."""
    return "".join("ABCDEFGHIJ"[int(digit)] for digit in str(number))


_BLT_PART = {"head_dim": 16, "hidden_size_global": 64}
_QWEN4 = {
    "indexer_n_heads": 2,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 16,
    "indexer_budget": 8,
    "indexer_compress_ratio": 4,
    "hc_lowrank": 8,
    "rope_parameters": ROPE | {"partial_rotary_factor": 0.5},
}
_COMPASS = {"layer_types": ALTERNATING, "rope_parameters": dict.fromkeys(ALTERNATING, ROPE)}
_QFORMER = {"image_token_index": 200}

# The sliding layers of dots3 have sizes of their own, which the config does not keep as fields.
_DOTS3 = {
    "swa_num_attention_heads": 8,
    "swa_num_key_value_heads": 8,
    "swa_q_lora_rank": 16,
    "swa_kv_lora_rank": 16,
    "swa_head_dim": 24,
    "swa_qk_nope_head_dim": 16,
    "swa_v_head_dim": 20,
}
# By default the decoder would not look at the encoder.
_ATTENTIVE = {"decoder": {"is_decoder": True, "add_cross_attention": True}}

# model type -> changes to its tiny config
CHANGES = {
    "bamba": {"attn_layer_indices": [1, 3]},
    "blip-2": _QFORMER,
    "blt": {
        "num_hidden_layers": 4,
        "encoder_hash_byte_group_vocab": 300,
        "encoder_config": _BLT_PART,
        "decoder_config": _BLT_PART,
        "global_config": _BLT_PART,
        "patcher_config": {"head_dim": 16},
    },
    "chameleon": {
        "vocabulary_map": {"<image>": 200, "<reserved08707>": 201}
        | {f"IMGIMG{_letters(number)}Z": token for number, token in enumerate(VISUAL_TOKENS)},
    },
    "cohere_compass": {"text_config": _COMPASS},
    "cohere_compass_text": _COMPASS,
    "dbrx": {"attn_config": {"rope_theta": 10000.0, "clip_qkv": 8.0}},
    "deepseek_ocr2": _text(mlp_layer_types=["dense", "sparse"] * 2, num_experts_per_tok=2),
    "deepseek_v2": {"num_experts_per_tok": 2},
    "deepseek_v4": {"o_groups": 2},
    "diffusion_gemma": {
        "canvas_length": 8,
        "text_config": {
            "num_experts": 6,
            "top_k_experts": 2,
            "moe_intermediate_size": 32,
            "global_head_dim": 32,
        },
    },
    "dots1": {"n_routed_experts": 6, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "dots3_note": {
        "text_config": _DOTS3,
        "audio_config": {"adapter_input_size": 64, "adapter_out_dim": 64},
        "vision_config": {"adapter_in_dim": 64, "adapter_out_dim": 64},
    },
    "dots3_note_text": _DOTS3,
    "emu3": {
        "vocabulary_map": {"<image>": 200, "<|extra_200|>": 201}
        | {f"<|visual token {number:06d}|>": token for number, token in enumerate(VISUAL_TOKENS)},
    },
    "encoder-decoder": _ATTENTIVE,
    "ernie4_5_vl_moe": _text(head_dim=24, rope_parameters=_sections(4, 4, 4)),
    "falcon_h1": {"mamba_d_ssm": 128},
    "fast_vlm": {"vision_config": CLIP_PART},
    "florence2": {
        "vision_config": {
            "embed_dim": [16, 16, 16, 16],
            "num_heads": [2, 2, 2, 2],
            "num_groups": [2, 2, 2, 2],
            "patch_size": [7, 3, 3, 3],
        },
    },
    "fun_asr_nano": {"adaptor_config": {"intermediate_size": 16}},
    "gemma4": _text(global_head_dim=32),
    "gemma4_text": {"global_head_dim": 32},
    "gemma4_unified": _text(global_head_dim=32),
    "gemma4_unified_text": {"global_head_dim": 32},
    "glm46v": _text(rope_parameters=_sections(2, 3, 3)),
    "glm4v": _text(rope_parameters=_sections(2, 3, 3)),
    "glm4v_moe": _text(head_dim=24, rope_parameters=_sections(4, 4, 4, partial_rotary_factor=1.0)),
    "glm5_next": _text(index_kpool=4),
    "glm_ocr": _text(head_dim=24, rope_parameters=_sections(4, 4, 4)),
    "granite4_vision": {
        "deepstack_layer_map": [[-1, 0]],
        "spatial_target_layers": [0, 1, 2, 3],
        "downsample_rate": "1/2",
    },
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "helium": {"head_dim": 16},
    "hrm_text": {"num_layers_per_stack": 2, "num_hidden_layers": 12, "L_cycles": 2},
    "hunyuan_vl": _text(rope_parameters=_sections(3, 3, 3, 3)),
    "instructblip": _QFORMER,
    "instructblipvideo": {"video_token_index": 201},
    "kosmos-2": {"latent_query_num": 5},
    "kyutai_speech_to_text": {"codec_config": {"upsample_groups": 32}},
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "lfm2_vl": _text(layer_types=["conv", "full_attention"] * 2),
    "longcat_flash": {"zero_expert_num": 2},
    "mamba2": {"num_heads": 8, "head_dim": 16},
    "ministral3": {"rope_parameters": YARN},
    "mistral4": {"rope_parameters": YARN},
    "mllama": {"text_config": {"cross_attention_layers": [1, 3]}, "vision_config": {"vision_output_dim": 128}},
    "moonshine": {"encoder_num_key_value_heads": 4, "decoder_num_key_value_heads": 4},
    "moonshine_streaming": {"num_key_value_heads": 4},
    "paddleocr_vl": _text(rope_parameters=_sections(4, 4, 4)),
    "perception_lm": {"vision_config": CLIP_PART | {"model_args": {"embed_dim": 64}}},
    "pix2struct": _text(d_kv=16),
    "qwen2_5_omni_thinker": {
        "text_config": {"rope_parameters": _sections(2, 3, 3)},
        "vision_start_token_id": 210,
    },
    "qwen2_5_vl": _text(rope_parameters=_sections(2, 3, 3)),
    "qwen2_vl": _text(rope_parameters=_sections(2, 3, 3)),
    "qwen3_omni_moe_thinker": {"vision_start_token_id": 210},
    "qwen4_exp": {"text_config": _QWEN4},
    "qwen4_exp_text": _QWEN4,
    "reformer": {"is_decoder": True, "axial_pos_embds_dim": [32, 32]},
    "roc_bert": {"shape_vocab_size": 300, "pronunciation_vocab_size": 300},
    "rwkv": {"attention_hidden_size": 64},
    "speech-encoder-decoder": _ATTENTIVE,
    "step3p7": _text(layer_types=ALTERNATING, sliding_window=6),
    "vision-encoder-decoder": _ATTENTIVE,
    "whisper": {"max_source_positions": 20},
    "xlnet": {"d_head": 16},
    "xlstm": {"num_blocks": 4, "qk_dim_factor": 1.0},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"attention_hidden_size": 128},
    "zamba2": {"attention_hidden_size": 128, "hybrid_layer_ids": [1, 3]},
}

# model type -> parts of other classes, put into the finished config
STAND_INS = {"gemma3n": {"vision_config": CLIPVisionConfig(**CLIP, vocab_offset=200, vocab_size=8, rms_norm_eps=1e-6)}}

# model type -> the model type whose config and class it uses
ALIASES = {"glmga": "glm46v", "shieldgemma2": "gemma3", "pp_chart2table": "got_ocr2"}

# class -> why it cannot be run
_DRAFTER = "a drafter, run on the embeddings and keys of the model it drafts for, not on text"
_SHELL = "defines no forward pass; the thinker inside, which writes the text, is a class of its own"
REFUSED = {
    "Gemma4AssistantForCausalLM": _DRAFTER,
    "Gemma4UnifiedAssistantForCausalLM": _DRAFTER,
    "Qwen2_5OmniForConditionalGeneration": _SHELL,
    "Qwen3OmniMoeForConditionalGeneration": _SHELL,
}
