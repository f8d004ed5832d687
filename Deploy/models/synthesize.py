#!/usr/bin/env python3
"""Make small models with random weights that real engines load: for benchmarking on a machine without any model.

usage: synthesize.py DIRECTORY [--models dense,moe,draft,dense-hf,moe-hf,draft-hf,large,large-moe,mtp,eagle] [--force]

  dense-f16.gguf, dense-q8_0.gguf, dense-q4_0.gguf   a Llama of 56 M parameters, three times
  moe-q8_0.gguf                                      a Qwen3-MoE of 216 M parameters, 32 experts of which 4 are used
  draft-q8_0.gguf                                    a Llama of 6 M parameters that drafts for both
  dense-hf/, moe-hf/, draft-hf/                      the same in Hugging Face format, as F16; only when asked for
  large-f16.gguf, large-q8_0.gguf                    a Llama of 1.0 B parameters (the layers of Llama 3.2 1B), for GPUs,
                                                     which compute the small ones in no time; only when asked for
  large-moe-q8_0.gguf                                a Qwen3-MoE of 2.5 B parameters, 64 experts of which 8 are used; only
                                                     when asked for
  mtp-q8_0.gguf                                      a Hy3 of 56 M parameters, all dense, and a layer of 4 M for
                                                     multi-token prediction; only when asked for
  eagle-q8_0.gguf                                    an EAGLE-3 head of 8 M parameters for dense; only when asked for

Both formats of a model have the same weights: dense-hf and dense-f16.gguf hold equal numbers (the mixture's router and
query and key norms are rounded to F16 in its folder, as is usual there).
Architectures, tensor shapes, tokenizer and chat template are real, so speed and memory are. The weights are random, so
the text means nothing, and what a trained model would have is built in:

- A planted successor. All models share one permutation of the vocabulary, and the output matrix prefers each token's
  successor. So greedy decoding follows the permutation often, but not always: the random layers, which are the context,
  decide the rest. A draft model agrees with its target on about 75 % of the tokens, as a real one would. So do the
  layer for multi-token prediction and the EAGLE-3 head, which carry the current token's embedding on, and beside it a
  part of the hidden states that they are given.
- A topic of 256 tokens with a cycle of its own, which the embedding keeps apart, so that text of that topic stays in
  it and repeats. It is what an edit of a document looks like to n-gram speculation. The metadata key
  `apus.edit_document_tokens` lists its tokens in successor order.

The same package versions give the same files, byte for byte. A file that is there is kept unless --force is given; a
file appears under its name only when it is whole. Needs numpy and gguf.
Exit status: 0 done, 64 usage, 69 a package is missing, 74 the disk is full or not writable.
"""
import argparse
import collections
import json
import math
import os
import re
import shutil
import sys
import time

STARTED = time.monotonic()

try:
    import gguf
    import numpy as np
    from gguf import GGMLQuantizationType as Type
    from gguf import quants
except ImportError as error:
    print(f"synthesize.py: {error}; run Deploy/engines/llamacpp/install", file=sys.stderr)
    sys.exit(69)

VOCABULARY = 8192
MERGES = 2000
CONTEXT = 8192
TOPIC_TOKENS = 256
# How much more a token's successor is preferred than any other, in standard deviations of the other logits; with the
# layers' part as large as the embedding's, a draft model of two layers then agrees on 69 to 84 % of the tokens.
PLANTED_LOGIT = 5.2
LAYER_PART = 1.0
# How large the model's hidden states are beside the current token's embedding where they are drafted from; of three
# drafted tokens, the layer for multi-token prediction then has 72 to 80 % accepted, and the EAGLE-3 head 63 to 70 %.
FEATURE_PART = 0.75

SPECIAL = ["<|bos|>", "<|endoftext|>", "<|pad|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")

Shape = collections.namedtuple("Shape", "architecture width layers heads kv_heads head_size ff experts used seed types")
MODELS = {
    "dense": Shape("llama", 512, 12, 8, 4, 64, 2048, 0, 0, 1000, (Type.F16, Type.Q8_0, Type.Q4_0)),
    "moe": Shape("qwen3moe", 512, 8, 8, 4, 64, 512, 32, 4, 1003, (Type.Q8_0,)),
    "draft": Shape("llama", 256, 2, 4, 2, 64, 768, 0, 0, 1004, (Type.Q8_0,)),
    "large": Shape("llama", 2048, 16, 32, 8, 64, 8192, 0, 0, 1005, (Type.F16, Type.Q8_0)),
    "large-moe": Shape("qwen3moe", 1024, 16, 16, 4, 64, 768, 64, 8, 1006, (Type.Q8_0,)),
    "mtp": Shape("hy_v3", 512, 12, 8, 4, 64, 2048, 0, 0, 1007, (Type.Q8_0,)),
    "eagle": Shape("eagle3", 512, 1, 8, 8, 64, 1024, 0, 0, 1008, (Type.Q8_0,)),
}
# What a machine without a GPU gets when nobody says.
USUAL = ("dense", "moe", "draft")
# The model that the EAGLE-3 head is for.
EAGLE_TARGET = MODELS["dense"]
FILE_TYPES = {Type.F16: gguf.LlamaFileType.MOSTLY_F16, Type.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
              Type.Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0}


def say(text):
    print(f"synthesize: {text} ({time.monotonic() - STARTED:.1f} s)", flush=True)


# -- tokenizer ---------------------------------------------------------------------------------------------------


def byte_characters():
    """GPT-2's printable stand-in for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, extra = {byte: chr(byte) for byte in plain}, 0
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


def training_text():
    """English and code from numpy's own files: the version is pinned, so it is the same text on every machine."""
    folder = os.path.dirname(np.__file__)
    names = ["_core/fromnumeric.py", "_core/numeric.py", "lib/_function_base_impl.py", "lib/_npyio_impl.py",
             "lib/_arraysetops_impl.py", "linalg/_linalg.py", "polynomial/polynomial.py"]
    return "".join(open(os.path.join(folder, name), encoding="utf-8").read() for name in names)


def train_merges(characters, count):
    """Byte-pair encoding: the most frequent pair of symbols becomes a symbol, `count` times."""
    words = collections.Counter(re.findall(r" ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+", training_text()))
    spelled = [([characters[b] for b in word.encode()], n) for word, n in words.items() if n > 1]
    frequency, places = collections.Counter(), collections.defaultdict(set)
    for index, (symbols, n) in enumerate(spelled):
        for pair in zip(symbols, symbols[1:]):
            frequency[pair] += n
            places[pair].add(index)
    merges = []
    while len(merges) < count:
        best = max(frequency, key=lambda pair: (frequency[pair], pair))
        if frequency[best] < 2:
            break
        merges.append(best)
        for index in sorted(places[best]):
            symbols, n = spelled[index]
            for pair in zip(symbols, symbols[1:]):
                frequency[pair] -= n
            joined, at = [], 0
            while at < len(symbols):
                step = 2 if tuple(symbols[at:at + 2]) == best else 1
                joined.append("".join(symbols[at:at + step]))
                at += step
            spelled[index] = (joined, n)
            for pair in zip(joined, joined[1:]):
                frequency[pair] += n
                places[pair].add(index)
        del frequency[best]
    return merges


class Tokenizer:
    def __init__(self):
        characters = byte_characters()
        merges = train_merges(characters, MERGES)
        tokens = dict.fromkeys(SPECIAL + [characters[b] for b in range(256)] + [a + b for a, b in merges])
        random = np.random.default_rng(7)
        syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
        while len(tokens) < VOCABULARY:  # invented words fill the rest
            tokens["Ġ" + "".join(random.choice(syllables, random.integers(2, 5)))] = None
        self.tokens = list(tokens)
        self.merges = [f"{a} {b}" for a, b in merges]
        self.types = [gguf.TokenType.CONTROL] * len(SPECIAL) + [gguf.TokenType.NORMAL] * (VOCABULARY - len(SPECIAL))
        # Never generated: control tokens, and whatever is not plain ASCII text, so that each token prints by itself.
        byte_of = {character: byte for byte, character in characters.items()}
        is_text = lambda token: all(byte_of[c] in (9, 10) or 32 <= byte_of[c] < 128 for c in token)
        self.silent = [i for i, token in enumerate(self.tokens) if i < len(SPECIAL) or not is_text(token)]

        order = np.random.default_rng(12345).permutation(np.setdiff1d(np.arange(VOCABULARY), self.silent))
        self.topic, rest = order[:TOPIC_TOKENS], order[TOPIC_TOKENS:]
        successor = np.arange(VOCABULARY)
        for cycle in (self.topic, rest):
            successor[cycle] = np.roll(cycle, -1)
        self.predecessor = np.argsort(successor)


# -- weights -----------------------------------------------------------------------------------------------------


def gaussian(seed):
    random = np.random.default_rng(seed)
    return lambda *size, deviation: random.standard_normal(size, dtype=np.float32) * np.float32(deviation)


def vocabulary_matrices(normal, width, tokenizer):
    """The embedding, and the output matrix that prefers each token's successor."""
    embedding = normal(VOCABULARY, width, deviation=1.0)
    output = normal(VOCABULARY, width, deviation=width**-0.5)
    # The hidden state has the norm sqrt(width), of which the current token's embedding is 1/sqrt(1 + part^2); so the
    # successor's logit becomes about PLANTED_LOGIT and the others' about N(0, 1).
    output += np.float32(PLANTED_LOGIT * math.sqrt(1 + LAYER_PART**2) / width) * embedding[tokenizer.predecessor]
    direction = normal(width, deviation=width**-0.5)
    # fsum: the same to the last bit on every processor.
    direction /= np.float32(math.sqrt(math.fsum(float(x) ** 2 for x in direction)))
    embedding[tokenizer.topic] += np.float32(0.6 * math.sqrt(width)) * direction
    output -= np.float32(0.4) * direction
    output[tokenizer.topic] += np.float32(0.8) * direction
    output[tokenizer.silent] = 0
    return embedding, output


def weights(shape, tokenizer):
    """Yields (name, array) one after the other, so that only one is in memory as 32-bit numbers."""
    if shape.architecture == "eagle3":
        yield from eagle_weights(shape, tokenizer)
        return
    normal, width = gaussian(shape.seed), shape.width
    embedding, output = vocabulary_matrices(normal, width, tokenizer)
    yield "token_embd.weight", embedding
    yield "output.weight", output
    yield "output_norm.weight", np.ones(width, np.float32)
    part = LAYER_PART / math.sqrt(2 * shape.layers)
    for layer in range(shape.layers):
        yield from block_weights(f"blk.{layer}.", shape, normal, part)
    if shape.architecture == "hy_v3":
        yield from mtp_weights(f"blk.{shape.layers}.", shape, normal, FEATURE_PART / math.sqrt(2))


def block_weights(block, shape, normal, part):
    """A decoder layer that adds `part` of the embedding's size to the hidden state, twice."""
    width, query, key_value = shape.width, shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    yield block + "attn_norm.weight", np.ones(width, np.float32)
    yield block + "ffn_norm.weight", np.ones(width, np.float32)
    yield block + "attn_q.weight", normal(query, width, deviation=1.5 * width**-0.5)
    yield block + "attn_k.weight", normal(key_value, width, deviation=1.5 * width**-0.5)
    yield block + "attn_v.weight", normal(key_value, width, deviation=width**-0.5)
    yield block + "attn_output.weight", normal(width, query, deviation=1.5 * part * query**-0.5)
    if shape.architecture in ("qwen3moe", "hy_v3"):
        yield block + "attn_q_norm.weight", np.full(shape.head_size, 1.2, np.float32)
        yield block + "attn_k_norm.weight", np.full(shape.head_size, 1.2, np.float32)
    if shape.experts:
        yield block + "ffn_gate_inp.weight", normal(shape.experts, width, deviation=2 * width**-0.5)
    of, many = ("_exps", (shape.experts,)) if shape.experts else ("", ())
    down = 2.4 if shape.experts else 1.7
    yield block + f"ffn_gate{of}.weight", normal(*many, shape.ff, width, deviation=width**-0.5)
    yield block + f"ffn_up{of}.weight", normal(*many, shape.ff, width, deviation=width**-0.5)
    yield block + f"ffn_down{of}.weight", normal(*many, width, shape.ff, deviation=down * part * shape.ff**-0.5)


def mtp_weights(block, shape, normal, part):
    """A layer for multi-token prediction (DeepSeek-V3 report, 2024, section 2.2): a projection of the next token's
    embedding and the hidden state before it, both normalized, then a decoder layer. The output matrix is the model's."""
    width = shape.width
    yield block + "nextn.enorm.weight", np.ones(width, np.float32)
    yield block + "nextn.hnorm.weight", np.ones(width, np.float32)
    yield block + "nextn.shared_head_norm.weight", np.ones(width, np.float32)
    features = normal(width, width, deviation=FEATURE_PART * width**-0.5)
    yield block + "nextn.eh_proj.weight", np.concatenate([np.eye(width, dtype=np.float32), features], axis=1)
    yield from block_weights(block, shape, normal, part)


def eagle_weights(shape, tokenizer):
    """A head of EAGLE-3 (Li et al., NeurIPS 2025, section 3): three of the model's hidden states become one, and a
    decoder layer attends to it beside the next token's embedding, which it takes from the model. The output matrix has
    a row for each token that is ever generated; `d2t` says which these are.

    The embedding reaches the output by way of the attention's values alone. So these are it, head by head, and as
    queries and keys are alike, each position attends to itself."""
    normal, width, part = gaussian(shape.seed), shape.width, FEATURE_PART / math.sqrt(2)
    _, output = vocabulary_matrices(gaussian(EAGLE_TARGET.seed), EAGLE_TARGET.width, tokenizer)
    spoken = np.setdiff1d(np.arange(VOCABULARY), tokenizer.silent)
    yield "fc.weight", normal(width, 3 * EAGLE_TARGET.width, deviation=(3 * EAGLE_TARGET.width)**-0.5)
    yield "output.weight", output[spoken]
    yield "output_norm.weight", np.ones(width, np.float32)
    yield "d2t", spoken.astype(np.int64)
    block = "blk.0."
    yield block + "attn_norm.weight", np.ones(width, np.float32)
    yield block + "attn_norm_2.weight", np.full(width, FEATURE_PART, np.float32)
    yield block + "ffn_norm.weight", np.ones(width, np.float32)
    nothing, itself = np.zeros((width, width), np.float32), np.eye(width, dtype=np.float32)
    likeness = np.concatenate([normal(width, width, deviation=1.2 * width**-0.5), nothing], axis=1)
    yield block + "attn_q.weight", likeness
    yield block + "attn_k.weight", likeness
    yield block + "attn_v.weight", np.concatenate([itself, nothing], axis=1)
    yield block + "attn_output.weight", itself
    yield block + "ffn_gate.weight", normal(shape.ff, width, deviation=width**-0.5)
    yield block + "ffn_up.weight", normal(shape.ff, width, deviation=width**-0.5)
    yield block + "ffn_down.weight", normal(width, shape.ff, deviation=1.7 * part * shape.ff**-0.5)


# -- files -------------------------------------------------------------------------------------------------------


def header(path, name, shape, tokenizer, file_type):
    writer = gguf.GGUFWriter(path, shape.architecture)
    writer.add_name(f"apus synthetic {name}")
    writer.add_description("Random weights with a planted successor structure: for benchmarks, not for use.")
    writer.add_file_type(FILE_TYPES[file_type])
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers + (shape.architecture == "hy_v3"))
    writer.add_feed_forward_length(shape.ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    if shape.experts:
        writer.add_expert_count(shape.experts)
        writer.add_expert_used_count(shape.used)
        writer.add_expert_feed_forward_length(shape.ff)
    if shape.architecture == "hy_v3":
        writer.add_expert_feed_forward_length(0)  # the engine wants to be told
        writer.add_nextn_predict_layers(1)
    if shape.architecture == "eagle3":
        layers = EAGLE_TARGET.layers
        writer.add_array("eagle3.target_layers", [2, layers // 2, layers - 3])
        writer.add_uint32("eagle3.target_hidden_size", EAGLE_TARGET.width)
        # As of RedHat's heads: otherwise the tokens drafted before outweigh the current one.
        writer.add_bool("eagle3.norm_before_residual", True)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types(tokenizer.types)
    writer.add_token_merges(tokenizer.merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(2)
    writer.add_eot_token_id(4)
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)
    writer.add_array("apus.edit_document_tokens", [int(token) for token in tokenizer.topic])
    return writer


def encode(name, array, file_type):
    """The array as it is stored, and its type where the array's own does not say it."""
    if array.ndim == 1 or "ffn_gate_inp" in name:  # too small to matter, and too sensitive
        return array, None
    if file_type == Type.F16:
        return array.astype(np.float16), None
    return quants.quantize(array, file_type), file_type


def write_model(directory, name, tokenizer, force):
    shape = MODELS[name]
    targets = {kind: os.path.join(directory, f"{name}-{kind.name.lower()}.gguf") for kind in shape.types}
    wanted = {kind: path for kind, path in targets.items() if force or not os.path.exists(path)}
    for path in targets.values():
        if path not in wanted.values():
            say(f"{os.path.basename(path)} is there")
    if not wanted:
        return
    parts = {kind: f"{path}.{os.getpid()}.part" for kind, path in wanted.items()}
    writers = {kind: header(parts[kind], name, shape, tokenizer(), kind) for kind in wanted}
    try:
        count = 0
        for tensor, array in weights(shape, tokenizer()):
            count += array.size
            for kind, writer in writers.items():
                data, raw_type = encode(tensor, array, kind)
                writer.add_tensor(tensor, data, raw_dtype=raw_type)
        say(f"{name}: {count / 1e6:.1f} M random weights")
        for kind, writer in writers.items():
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            with open(parts[kind], "rb") as file:
                os.fsync(file.fileno())
            os.replace(parts[kind], wanted[kind])
            say(f"{os.path.basename(wanted[kind])}: {os.path.getsize(wanted[kind]) / 1e6:.0f} MB")
    finally:
        for part in parts.values():
            if os.path.exists(part):
                os.unlink(part)


# -- Hugging Face format -------------------------------------------------------------------------------------------


def half_split(matrix, heads):
    """Rows of a query or key matrix as transformers has them: llama.cpp rotates neighbouring rows of a head, its
    converter for this architecture interleaves the head's two halves, and this undoes it."""
    return matrix.reshape(heads, matrix.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(matrix.shape)


FOLDER_NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "ffn_gate_inp": "mlp.gate",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def folder_tensors(shape, tokenizer):
    """Yields (name, F16 array) as transformers names them, one expert after the other."""
    whole = {"token_embd.weight": "model.embed_tokens.weight", "output.weight": "lm_head.weight",
             "output_norm.weight": "model.norm.weight"}
    for name, array in weights(shape, tokenizer):
        array = array.astype(np.float16)
        if name in whole:
            yield whole[name], array
            continue
        _, layer, kind, _ = name.split(".")
        if shape.architecture == "llama" and kind in ("attn_q", "attn_k"):
            array = half_split(array, shape.heads if kind == "attn_q" else shape.kv_heads)
        prefix = f"model.layers.{layer}."
        if kind.endswith("_exps"):
            part = FOLDER_NAMES[kind.removesuffix("_exps")].removeprefix("mlp.")
            for expert in range(shape.experts):
                yield f"{prefix}mlp.experts.{expert}.{part}.weight", array[expert]
        else:
            yield f"{prefix}{FOLDER_NAMES[kind]}.weight", array


def folder_config(name, shape, tokenizer):
    is_mixture = shape.experts > 0
    config = {
        "architectures": ["Qwen3MoeForCausalLM" if is_mixture else "LlamaForCausalLM"],
        "model_type": "qwen3_moe" if is_mixture else "llama", "_name_or_path": f"apus synthetic {name}",
        "hidden_size": shape.width, "intermediate_size": shape.ff, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_size,
        "hidden_act": "silu", "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False, "vocab_size": VOCABULARY,
        "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2, "dtype": "float16", "torch_dtype": "float16",
        "use_cache": True, "apus_edit_document_tokens": [int(token) for token in tokenizer.topic],
    }
    if is_mixture:
        config |= {"num_experts": shape.experts, "num_experts_per_tok": shape.used, "moe_intermediate_size": shape.ff,
                   "norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": []}
    return config


def folder_tokenizer(tokenizer):
    """tokenizer.json of a byte-level BPE tokenizer that begins each text with <|bos|>, as llama.cpp does."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    first = {"SpecialToken": {"id": SPECIAL[0], "type_id": 0}}
    sequence = lambda name, kind: {"Sequence": {"id": name, "type_id": kind}}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [
            {"id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True} for number, token in enumerate(SPECIAL)],
        "normalizer": None, "pre_tokenizer": byte_level,
        "post_processor": {
            "type": "TemplateProcessing", "single": [first, sequence("A", 0)],
            "pair": [first, sequence("A", 0), sequence("B", 1)],
            "special_tokens": {SPECIAL[0]: {"id": SPECIAL[0], "ids": [0], "tokens": [SPECIAL[0]]}}},
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(tokenizer.tokens)},
            "merges": [merge.split(" ") for merge in tokenizer.merges]},
    }


def folder_documents(name, shape, tokenizer):
    """The folder's JSON files."""
    return {
        "config.json": folder_config(name, shape, tokenizer),
        "generation_config.json": {"bos_token_id": 0, "eos_token_id": [1, 4], "pad_token_id": 2},
        "tokenizer.json": folder_tokenizer(tokenizer),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIAL[0], "eos_token": SPECIAL[1],
            "pad_token": SPECIAL[2], "model_max_length": CONTEXT, "clean_up_tokenization_spaces": False,
            "chat_template": TEMPLATE},
    }


def write_safetensors(path, tensors):
    """The format's own header: its length, the table as JSON padded to 8 bytes, then the weights without gaps."""
    table, end = {"__metadata__": {"format": "pt"}}, 0
    for name, array in tensors:
        table[name] = {"dtype": "F16", "shape": list(array.shape), "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in tensors:
            file.write(np.ascontiguousarray(array).tobytes())
        file.flush()
        os.fsync(file.fileno())


def write_folder(directory, name, tokenizer, force):
    target = os.path.join(directory, f"{name}-hf")
    if os.path.exists(target) and not force:
        say(f"{name}-hf is there")
        return
    # A leading dot: nothing that lists models takes a half-made folder for one.
    part = os.path.join(directory, f".{name}-hf.{os.getpid()}.part")
    try:
        os.makedirs(part)
        tensors = list(folder_tensors(MODELS[name], tokenizer()))
        write_safetensors(os.path.join(part, "model.safetensors"), tensors)
        for file, content in folder_documents(name, MODELS[name], tokenizer()).items():
            with open(os.path.join(part, file), "w", encoding="utf-8") as out:
                json.dump(content, out, ensure_ascii=False, indent=None if file == "tokenizer.json" else 1)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    say(f"{name}-hf: {sum(array.size for _, array in tensors) / 1e6:.1f} M weights as F16")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--models", default=",".join(USUAL))
    parser.add_argument("--force", action="store_true")
    try:
        options = parser.parse_args()
    except SystemExit as ending:
        sys.exit(64 if ending.code else 0)
    names = options.models.split(",")
    known = [*MODELS, *(f"{name}-hf" for name in USUAL)]
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"synthesize.py: no model {unknown[0]!r}; there are {', '.join(known)}", file=sys.stderr)
        sys.exit(64)

    made = []

    def tokenizer():
        """Made once, and only when a file is."""
        if not made:
            made.append(Tokenizer())
            say(f"tokenizer: {len(made[0].tokens)} tokens, {len(made[0].merges)} merges")
        return made[0]

    try:
        os.makedirs(options.directory, exist_ok=True)
        for name in names:
            write = write_model if name in MODELS else write_folder
            write(options.directory, name.removesuffix("-hf"), tokenizer, options.force)
    except OSError as error:
        print(f"synthesize.py: cannot write to {options.directory}: {error}", file=sys.stderr)
        sys.exit(74)
    say("done")


if __name__ == "__main__":
    main()
