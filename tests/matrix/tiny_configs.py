"""Shrinks the default config of any model type by the names of its fields; nothing is downloaded."""

from copy import deepcopy
from dataclasses import dataclass, field

from transformers import AutoConfig, PreTrainedConfig

LAYERS = 4
HEADS = 4
KEY_VALUE_HEADS = 2
WIDTH = 64
HEAD_DIM = 24  # not WIDTH / HEADS, so that code which divides instead of reading head_dim is noticed
ROTARY_DIM_OF_LATENT_ATTENTION = 8
VOCABULARY = 288
FIRST_SPECIAL_ID = 200  # image, audio and other placeholders lie from here on; text prompts stay below


def _by_name(table: str) -> dict[str, int]:
    """A table with lines of the form 'number: names' turned into name -> number."""
    rows = (line.split(":") for line in table.strip().splitlines())
    return {name: int(number) for number, names in rows for name in names.split()}


def _names(text: str) -> set[str]:
    """The words of a text."""
    return set(text.split())


# tiny value: the fields (where they hold a whole number) that take it
VALUES = _by_name(f"""
    {WIDTH}: hidden_size d_model n_embd embed_dim emb_dim word_embed_proj_dim hidden_dim encoder_hidden_size
    {WIDTH}: projection_dim embedding_size text_hidden_size backbone_hidden_size lru_width decoder_hidden_size
    {WIDTH}: image_text_hidden_size cross_hidden_size out_hidden_size vision_output_dim input_embedding_size
    {WIDTH}: output_embedding_size embedding_dim output_hidden_size patch_embed_hidden_size audio_hidden_size
    {WIDTH}: projector_hidden_size projection_hidden_size merged_hidden_size vision_hidden_size
    {WIDTH}: projection_intermediate_size projection_hidden_dim moe_hidden_size projector_input_dim
    {WIDTH}: projector_output_dim nemo_conv_channels ext_pw_out_channel depthwise_separable_out_channel
    {WIDTH}: alignment_intermediate_size
    80: intermediate_size ffn_dim encoder_ffn_dim decoder_ffn_dim d_ff n_inner dff dim_ff mlp_dim ffn_hidden_size
    80: feed_forward_size intermediate_size_mlp dense_intermediate_size expert_ffn_hidden_size
    80: speech_encoder_intermediate_size t2u_encoder_ffn_dim t2u_decoder_ffn_dim
    32: moe_intermediate_size shared_expert_intermediate_size shared_intermediate_size share_expert_dim
    32: moe_shared_expert_intermediate_size shared_experts_intermediate_size base_channels global_head_dim
    32: output_channels downsample_hidden_size post_conv_in_channels post_conv_mid_channels post_conv_out_channels
    {VOCABULARY}: vocab_size src_vocab_size tgt_vocab_size decoder_vocab_size t2u_vocab_size unit_hifi_gan_vocab_size
    {VOCABULARY}: char_vocab_size vocab_size_per_layer_input unpadded_vocab_size
    {HEADS}: num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads
    {HEADS}: attention_heads num_encoder_attention_heads num_decoder_attention_heads encoder_num_attention_heads
    {HEADS}: decoder_num_attention_heads cross_num_attention_heads conf_num_attention_heads
    {HEADS}: speech_encoder_attention_heads t2u_encoder_attention_heads t2u_decoder_attention_heads resampler_n_heads
    {HEADS}: resampler_heads index_n_heads linear_num_heads linear_num_value_heads
    {2 * HEADS}: swa_num_attention_heads num_sliding_attention_heads
    2: num_blocks depth linear_num_key_heads num_codebooks num_quantizers layer_group_size
    2: global_attn_every_n_layers sliding_window_pattern _sliding_window_pattern attn_layer_period expert_layer_period
    1: n_group topk_group num_expert_group mamba_n_groups n_groups mamba_ngroups resampler_depth max_window_layers
    1: attn_layer_offset expert_layer_offset
    0: num_nextn_predict_layers num_kv_shared_layers
    {HEAD_DIM}: qk_head_dim query_pre_attn_scalar
    16: qk_nope_head_dim kv_lora_rank q_lora_rank o_lora_rank index_head_dim linear_key_head_dim mamba_d_head
    16: mamba_head_dim mamba_headdim router_hidden_size num_mel_bins num_position_embeddings
    8: qk_rope_head_dim rotary_dim linear_value_head_dim mamba_n_heads mamba_num_heads n_mamba_heads
    8: mamba_d_state state_size ssm_state_size mamba_chunk_size chunk_size laurel_rank attention_window
    6: sliding_window window_size attention_window_size local_attention sliding_window_size attention_chunk_size
    4: num_filters mamba_dt_rank time_step_rank image_seq_length mm_tokens_per_image num_image_tokens
    4: index_topk vision_soft_tokens_per_image num_query_tokens resampler_n_latents
    3: conv_L_cache
    28: image_size
    14: patch_size
    64: codebook_size num_embeddings
""")
# largest value: the fields that are cut down to it, and kept where they are smaller
LIMITS = _by_name("""
    512: max_position_embeddings n_positions n_ctx max_source_positions max_target_positions model_max_length
    512: max_seq_len t2u_max_position_embeddings context_length max_encoder_position_embeddings
    512: max_decoder_position_embeddings
    6: num_experts num_local_experts n_routed_experts moe_num_experts
    2: num_experts_per_tok num_experts_per_token moe_k moe_topk moe_top_k
    1: n_shared_experts num_shared_experts moe_num_shared_experts first_k_dense_replace num_dense_layers
""")
HEAD_WIDTHS = _names("""
    head_dim swa_head_dim cross_head_dim resampler_head_dim resampler_dim_head dim_head kv_channels d_kv d_head
    attention_head_size linear_head_dim attention_head_dim v_head_dim
""")
GROUPED_HEADS = _names("""
    num_key_value_heads num_kv_heads kv_n_heads swa_num_key_value_heads cross_num_key_value_heads num_query_groups
    encoder_num_key_value_heads decoder_num_key_value_heads
""")
# Factors between the attention and the logits. Most are 1 by default: nobody would see one forgotten.
MULTIPLIERS = _names("""
    residual_multiplier attention_out_multiplier attention_in_multiplier attention_multiplier key_multiplier
    embedding_multiplier lm_head_multiplier output_multiplier ssm_in_multiplier ssm_out_multiplier ssm_multipliers
    mlp_multipliers logits_scaling logit_scale scale_depth scale_emb attention_value_scale embedding_scale
    logits_mup_width_multiplier full_attn_alpha_factor full_attn_beta_factor linear_attn_alpha_factor
    linear_attn_beta_factor mlp_alpha_factor mlp_beta_factor routed_scaling_factor route_scale router_scaling_factor
    moe_routed_scaling_factor moe_router_scaling_factor
""")
CONSTANT_LISTS = {"hidden_sizes": 16, "depths": 1, "channel_multiplier": 1, "vision_feature_layer": -1}
CHOICES_OF_LAYERS = dict.fromkeys(
    ("deepstack_visual_indexes", "fullatt_block_indexes", "intermediate_layers_indices"), [0]
)
LISTS_OF_LAYERS = {"layer_types", "layers_block_type"}
COUNTS_OF_LAYERS = _names("num_hidden_layers num_layers n_layers n_layer layers")
USUAL_IDS = _by_name("""
    0: pad_token_id
    1: bos_token_id
    2: eos_token_id decoder_start_token_id forced_eos_token_id sep_token_id
""")
ID_ENDINGS = ("token_id", "token_index", "token_ids", "_start_id", "_end_id", "_newline_id", "_patch_id")
PRIVATE_FIELDS_THAT_COUNT = {"_sliding_window_pattern"}
FIELDS_OF_EVERY_CONFIG = _names("id2label label2id transformers_version architectures model_type dtype return_dict")
ORDINARY_ROPE = {"default", "longrope", "yarn", "llama3", "dynamic", "linear", "su", "mrope"}


@dataclass(frozen=True)
class _Place:
    """What the fields of one (sub-)config depend on beyond their own names."""

    heads: int | None
    """Number of heads by default: as many key/value heads stay as many."""
    layers: int | None
    """Number of layers by default: a list of that length is one entry per layer."""
    head_dim: int
    latent: bool
    """Keys and values come from a low-rank latent (MLA)."""
    special_ids: dict[str, int] = field(default_factory=dict)
    """Placeholders given out so far, shared by all parts of one config: the same name is the same token."""


def tiny_config(model_type: str, changes: dict) -> PreTrainedConfig:
    """The default config of a model type made tiny; `changes` come last."""
    default = AutoConfig.for_model(model_type)
    fields = _shrunk_fields(default, {})
    _merge(fields, deepcopy(changes))
    return type(default)(**fields)


def _merge(fields: dict, changes: dict) -> None:
    """Changes replace fields; dictionaries are merged, except the rotary parameters, which belong together."""
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(fields.get(name), dict) and not name.startswith("rope"):
            _merge(fields[name], value)
        else:
            fields[name] = value


def _shrunk_fields(config: PreTrainedConfig, special_ids: dict[str, int]) -> dict:
    """The fields of a tiny version of this config, parts included, as keyword arguments."""
    present = vars(config)
    place = _Place(
        heads=_first_int(present, "num_attention_heads", "n_head", "n_heads", "num_heads"),
        layers=_first_int(present, "num_hidden_layers", "num_layers", "n_layers", "n_layer"),
        head_dim=HEAD_DIM if "hidden_size" in present or "d_model" in present else WIDTH // HEADS,
        latent=bool(present.get("kv_lora_rank")),
        special_ids=special_ids,
    )
    fields = {}
    for name, value in present.items():
        if name in FIELDS_OF_EVERY_CONFIG or (name.startswith("_") and name not in PRIVATE_FIELDS_THAT_COUNT):
            continue
        if isinstance(value, PreTrainedConfig):
            fields[name] = _shrunk_fields(value, special_ids) | {"model_type": value.model_type}
        elif name in ("rope_parameters", "rope_scaling"):
            if value:
                fields[name] = _shrunk_rope(value, _rotary_width(present, place))
        elif value is None:
            if name == "num_key_value_heads" or (name == "head_dim" and not place.latent):
                fields[name] = _shrunk(name, 0, place)
        elif isinstance(value, (int, float, list, tuple)) and not isinstance(value, bool):
            fields[name] = _shrunk(name, value, place)
    return fields


def _first_int(present: dict, *names: str) -> int | None:
    """The first of the named fields that holds a number."""
    return next((present[name] for name in names if isinstance(present.get(name), int)), None)


def _shrunk(name: str, value, place: _Place):
    """The tiny value of one field that holds a number or a list."""
    if name in MULTIPLIERS:
        return _off_one(value)
    if isinstance(value, (list, tuple)):
        return _shrunk_list(name, value, place)
    if isinstance(value, int):
        return _shrunk_number(name, value, place)
    return value


def _off_one(value):
    """A multiplier, or several, clearly different from 1 and from what they were."""
    if isinstance(value, (list, tuple)):
        return [_off_one(one) for one in value]
    return round(0.6 * value + 0.15, 4)


def _shrunk_list(name: str, values: list | tuple, place: _Place) -> list:
    """Lists per layer keep every kind of layer, in turns; other lists keep their length."""
    if name.endswith(ID_ENDINGS):
        return [_token_id(name, value, place) for value in values]
    if name in CONSTANT_LISTS:
        return [CONSTANT_LISTS[name]] * len(values)
    if name in LISTS_OF_LAYERS or len(values) == place.layers:
        kinds = list(dict.fromkeys(tuple(value) if isinstance(value, list) else value for value in values))
        if all(type(kind) is int and kind > 1 for kind in kinds):
            kinds = [_shrunk_number(name.removesuffix("_per_layer"), kind, place) for kind in kinds]
        return [list(kind) if isinstance(kind, tuple) else kind for kind in (kinds * LAYERS)[:LAYERS]]
    if name in VALUES and name not in ("embed_dim", "num_heads"):
        return [VALUES[name]] * len(values)
    if name in LIMITS:
        return [min(value, LIMITS[name]) for value in values]
    return CHOICES_OF_LAYERS.get(name, list(values))


def _shrunk_number(name: str, value: int, place: _Place) -> int:
    """The tiny value of a field that holds one whole number."""
    if name.endswith(ID_ENDINGS):
        return _token_id(name, value, place)
    if _counts_layers(name):
        return LAYERS if value else 0
    if name in HEAD_WIDTHS:
        return _head_width(name, place)
    if name in GROUPED_HEADS:
        return value if value == 1 else HEADS if value == place.heads else KEY_VALUE_HEADS
    if name == "vision_feature_layer":
        return value if value < 0 else 1
    if name in VALUES:
        return VALUES[name] if value else 0
    return min(value, LIMITS.get(name, value))


def _head_width(name: str, place: _Place) -> int:
    """Width of a head; with latent attention values are narrower than keys, and head_dim is their rotary part."""
    if place.latent and name == "head_dim":
        return ROTARY_DIM_OF_LATENT_ATTENTION
    return 20 if place.latent and name == "v_head_dim" else place.head_dim


def _counts_layers(name: str) -> bool:
    """Whether the field is a number of layers of the model or of one of its parts."""
    parts = ("encoder", "decoder", "hidden", "attention_layers", "t2u", "conf_num")
    return name in COUNTS_OF_LAYERS or (name.endswith("_layers") and any(part in name for part in parts))


def _token_id(name: str, value: int, place: _Place) -> int:
    """Ids within the tiny vocabulary: the usual ones first, each placeholder its own from 200 on."""
    if value < 0:
        return value
    if name in USUAL_IDS:
        return USUAL_IDS[name]
    same = name.replace("_index", "_id")
    return place.special_ids.setdefault(same, FIRST_SPECIAL_ID + len(place.special_ids))


def _rotary_width(present: dict, place: _Place) -> int:
    """Width of the heads that the rotary parameters speak of."""
    if place.latent:
        return ROTARY_DIM_OF_LATENT_ATTENTION
    return place.head_dim if "head_dim" in present else WIDTH // HEADS


def _shrunk_rope(parameters: dict, width: int) -> dict:
    """Plain rotary parameters with sections that fill the tiny head; per kind of layer where there are several."""
    if all(isinstance(part, dict) or part is None for part in parameters.values()):
        return {kind: part and _shrunk_rope(part, width) for kind, part in parameters.items()}
    kind = parameters.get("rope_type") or "default"
    kept = {name: parameters[name] for name in ("partial_rotary_factor", "mrope_interleaved") if name in parameters}
    kept["rope_type"] = "default" if kind in ORDINARY_ROPE else kind
    kept["rope_theta"] = parameters.get("rope_theta", 10000.0)
    if parameters.get("mrope_section"):
        kept["mrope_section"] = _sections(len(parameters["mrope_section"]), width, kept)
    return kept


def _sections(count: int, width: int, parameters: dict) -> list[int]:
    """The rotary half of a head shared out among time, height and width; the first gets what is left over."""
    half = int(width * parameters.get("partial_rotary_factor", 1.0)) // 2
    sections = [half // count] * count
    sections[0] += half - sum(sections)
    return sections
