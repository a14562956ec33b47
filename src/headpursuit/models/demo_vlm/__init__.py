"""The vision-language model that comes with headpursuit: small, trained on rendered scenes, ready on any machine.

SmolLM2-135M-Instruct is used as it is; a vision tower and a projector of 2.4 million parameters, whose weights lie
beside this file, were trained against it. See MODEL_CARD.md.
"""

from headpursuit.models.demo_vlm.ready import DEMO_VLM, demo_vlm_folder

__all__ = ["DEMO_VLM", "demo_vlm_folder"]
