"""The weights of a Whisper model for CTranslate2, the form in which a package brings one, as other recognisers want
them: openai/whisper's and Hugging Face's state dictionaries, whisper.cpp's file."""
import json
import os
import re
import struct

import numpy as np

DTYPES = ("<f4", "i1", "<i2", "<i4", "<f2")  # by CTranslate2's numbers


def read(folder):
    """Arrays by openai/whisper's names, float32."""
    with open(os.path.join(folder, "model.bin"), "rb") as file:
        content = file.read()
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, content, at)
        at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def take_text():
        return take("%ds" % take("H")).rstrip(b"\0").decode()

    version, spec, _, n_variables = take("I"), take_text(), take("I"), take("I")
    assert (version, spec) == (6, "WhisperSpec"), (version, spec)
    weights = {}
    for _ in range(n_variables):
        name = take_text()
        shape = [take("I") for _ in range(take("B"))]
        dtype, size = DTYPES[take("B")], take("I")
        values = np.frombuffer(content, dtype, size // np.dtype(dtype).itemsize, at).reshape(shape)
        at += size
        if dtype in ("<f2", "<f4") and shape:
            weights.update(_openai(name, values.astype(np.float32)))
    return weights


def _openai(name, values):
    """One variable of CTranslate2 as one or more of openai/whisper: it joins the projections of attention."""
    side, _, rest = name.partition("/")
    top = {
        "embeddings/weight": "token_embedding.weight", "position_encodings/encodings": "positional_embedding",
        "layer_norm/gamma": ("ln_post" if side == "encoder" else "ln") + ".weight",
        "layer_norm/beta": ("ln_post" if side == "encoder" else "ln") + ".bias",
    }
    layer = re.fullmatch(r"layer_(\d+)/(\w+)/(\w+)/(\w+)", rest)
    if layer is None:
        return {side + "." + top.get(rest, rest.replace("/", ".")): values}
    number, part, module, kind = layer.groups()
    block = "%s.blocks.%s." % (side, number)
    kind = {"gamma": "weight", "beta": "bias"}.get(kind, kind)
    attention = {"self_attention": "attn", "attention": "cross_attn"}.get(part)
    if module == "layer_norm":
        return {"%s%s_ln.%s" % (block, attention or "mlp", kind): values}
    if attention is None:
        return {"%smlp.%d.%s" % (block, 2 * int(module[-1]), kind): values}
    projections = {
        ("attn", "linear_0"): ("query", "key", "value"),
        ("attn", "linear_1"): ("out",),
        ("cross_attn", "linear_0"): ("query",),
        ("cross_attn", "linear_1"): ("key", "value"),
        ("cross_attn", "linear_2"): ("out",),
    }[attention, module]
    parts = zip(projections, np.split(values, len(projections)))
    # The key has no bias.
    return {"%s%s.%s.%s" % (block, attention, one, kind): part for one, part in parts if (one, kind) != ("key", "bias")}


def dimensions(weights):
    """As openai/whisper's ModelDimensions."""
    def n_layers(side):
        return len({name.split(".")[2] for name in weights if name.startswith(side + ".blocks")})

    n_vocab, n_state = weights["decoder.token_embedding.weight"].shape
    return dict(
        n_mels=weights["encoder.conv1.weight"].shape[1], n_audio_ctx=weights["encoder.positional_embedding"].shape[0],
        n_audio_state=n_state, n_audio_head=n_state // 64, n_audio_layer=n_layers("encoder"), n_vocab=n_vocab,
        n_text_ctx=weights["decoder.positional_embedding"].shape[0], n_text_state=n_state, n_text_head=n_state // 64,
        n_text_layer=n_layers("decoder"))


HUGGING_FACE = (
    ("blocks", "layers"), ("mlp.0", "fc1"), ("mlp.2", "fc2"), ("mlp_ln", "final_layer_norm"),
    (".attn.query", ".self_attn.q_proj"), (".attn.key", ".self_attn.k_proj"), (".attn.value", ".self_attn.v_proj"),
    (".attn.out", ".self_attn.out_proj"),
    ("cross_attn.query", "encoder_attn.q_proj"), ("cross_attn.key", "encoder_attn.k_proj"),
    ("cross_attn.value", "encoder_attn.v_proj"), ("cross_attn.out", "encoder_attn.out_proj"),
    ("cross_attn_ln", "encoder_attn_layer_norm"), ("attn_ln", "self_attn_layer_norm"), ("ln_post", "layer_norm"),
    ("decoder.ln.", "decoder.layer_norm."), ("token_embedding", "embed_tokens"),
    ("positional_embedding", "embed_positions.weight"),
)


def hugging_face(weights):
    """By the names of WhisperForConditionalGeneration."""
    renamed = {}
    for name, values in weights.items():
        for old, new in HUGGING_FACE:
            name = name.replace(old, new)
        renamed["model." + name] = values
    renamed["proj_out.weight"] = renamed["model.decoder.embed_tokens.weight"]
    return renamed


def token_bytes(folder):
    """Of each plain token, in the order of ids: GPT-2 writes bytes as printable characters."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [one for one in range(256) if one not in plain]
    byte_of = {**{chr(one): one for one in plain}, **{chr(256 + at): one for at, one in enumerate(others)}}
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        vocabulary = json.load(file)["model"]["vocab"]
    texts = sorted((number, text) for text, number in vocabulary.items() if not text.startswith("<|"))
    return [bytes(byte_of[one] for one in text) for _, text in texts]


def write_ggml(path, weights, tokens, mel_filters):
    """A file for whisper.cpp; matrices as float16, which they are here. mel_filters: [bins, 201]."""
    size = dimensions(weights)
    order = (
        "n_vocab n_audio_ctx n_audio_state n_audio_head n_audio_layer n_text_ctx n_text_state n_text_head n_text_layer "
        "n_mels")
    with open(path, "wb") as file:
        file.write(struct.pack("<12i", 0x67676D6C, *(size[name] for name in order.split()), 1))
        file.write(struct.pack("<2i", *mel_filters.shape) + mel_filters.astype("<f4").tobytes())
        file.write(struct.pack("<i", len(tokens)))
        for token in tokens:
            file.write(struct.pack("<i", len(token)) + token)
        for name, values in weights.items():
            shape = (len(values), 1) if re.fullmatch(r"encoder\.conv\d\.bias", name) else values.shape
            is_half = values.ndim > 1 and not name.endswith("positional_embedding")
            file.write(struct.pack("<3i", len(shape), len(name), is_half))
            file.write(struct.pack("<%di" % len(shape), *reversed(shape)))
            file.write(name.encode() + values.astype("<f2" if is_half else "<f4").tobytes())
