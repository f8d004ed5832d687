"""Writes a few valid inputs for each reader of model files: where the fuzzer begins."""
import json
import os
import struct
import sys


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key, kind, value):
    return text(key) + struct.pack("<I", kind) + value


def tensor(name, shape, kind, offset):
    return text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", kind, offset)


def gguf(version, pairs, tensors, data_bytes):
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(data_bytes)


def gguf_seeds():
    def figures(architecture, **more):
        values = dict(block_count=1, embedding_length=32, context_length=64, vocab_size=4, **more)
        values["attention.head_count"] = 4
        return [pair("general.architecture", 8, text(architecture))] + [
            pair(f"{architecture}.{key}", 4, struct.pack("<I", value)) for key, value in values.items()]

    tokens = pair("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 3) + text("a") + text("b") + text("<s>"))
    numbers = pair("apus.edit_document_tokens", 9, struct.pack("<IQ3i", 5, 3, 1, 2, 3))
    scalars = [
        pair("a", 0, b"\1"), pair("b", 1, b"\xff"), pair("c", 2, b"\1\0"), pair("d", 3, b"\xff\xff"),
        pair("e", 5, struct.pack("<i", -1)), pair("f", 6, struct.pack("<f", 1.5)), pair("g", 7, b"\1"),
        pair("h", 10, struct.pack("<Q", 7)), pair("i", 11, struct.pack("<q", -7)), pair("j", 12, struct.pack("<d", 0.5)),
        pair("general.alignment", 4, struct.pack("<I", 32)), pair("general.name", 8, text("Tiny Q8_0"))]
    embedding = tensor("token_embd.weight", [32, 4], 8, 0)
    yield gguf(3, figures("llama"), [embedding], 136)
    yield gguf(2, figures("llama") + [tokens, numbers] + scalars, [embedding], 136)
    experts = [embedding, tensor("blk.0.ffn_up_exps.weight", [32, 1, 2], 8, 160), tensor("output.weight", [32, 1], 8, 256)]
    yield gguf(3, figures("moe", expert_count=2, expert_used_count=1) + [tokens], experts, 290)


def safetensors(header, data_bytes):
    body = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(body)) + body + bytes(data_bytes)


def safetensors_seeds():
    yield safetensors({"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}, 16)
    yield safetensors(
        {"__metadata__": {"format": "pt"}, "a.weight": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]},
         "b": {"dtype": "I8", "shape": [], "data_offsets": [8, 9]}, "z": {"dtype": "F8_E4M3", "shape": [0, 3], "data_offsets": [9, 9]}}, 9)
    yield safetensors({"\u00e9\n": {"shape": [1], "data_offsets": [0, 8], "dtype": "F64"}}, 8)
    # Out of their order in the file, and with what a reader passes over.
    yield safetensors(
        {"second": {"dtype": "F16", "shape": [2, 3], "data_offsets": [4, 16], "note": [1, {"a": None}]},
         "first": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}, 16)
    # White space before the weights, as the format's own library pads its header.
    yield safetensors(b'{"w":{"dtype":"BOOL","shape":[8],"data_offsets":[0,8]}}         ', 8)
    yield safetensors({"__metadata__": {}}, 0)


def config_seeds():
    dense = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 128, "vocab_size": 512,
        "max_position_embeddings": 2048, "tie_word_embeddings": True, "torch_dtype": "bfloat16", "rope_theta": 1e4}
    yield json.dumps(dense).encode()
    moe = dict(
        dense, model_type="qwen3_moe", num_experts=8, num_experts_per_tok=2, moe_intermediate_size=32,
        quantization_config={"quant_method": "awq", "bits": 4}, apus_edit_document_tokens=[1, 2, 3])
    yield json.dumps(moe, indent=1).encode()
    yield json.dumps({"model_type": "vision", "text_config": dict(dense, num_attention_heads=[4, 8, None]), "x": "\ud83d\ude00\\"}).encode()
    yield json.dumps({"model_type": "gpt2", "n_layer": 2, "n_embd": 8, "n_head": 2, "n_positions": 64, "vocab_size": 9}).encode()


folder = sys.argv[1]
for name, seeds in (("gguf", gguf_seeds()), ("safetensors", safetensors_seeds()), ("config", config_seeds())):
    os.makedirs(f"{folder}/{name}", exist_ok=True)
    for index, seed in enumerate(seeds):
        with open(f"{folder}/{name}/seed-{index}", "wb") as file:
            file.write(seed)
