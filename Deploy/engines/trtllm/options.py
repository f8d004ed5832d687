#!/usr/bin/env python3
"""Prints every option of `trtllm-serve serve`, and the keys of its configuration file that Apus may write.

    Deploy/engines/trtllm/options.py SERVE_PY LLM_ARGS_PY VERSION > Tests/Fixtures/trtllm-options.txt

The two files are tensorrt_llm/commands/serve.py and tensorrt_llm/llmapi/llm_args.py of an installed package or of a
checkout (https://github.com/NVIDIA/TensorRT-LLM); they are parsed, not run, so that neither a GPU nor the package is needed.

One line for an option: its spellings, comma-separated, and `flag` or `value`. One line for a key: `config`, its class and
its name, with a class's own word for itself behind it where it has one (`decoding_type`).
"""
import ast
import sys

CLASSES = (
    "BaseLlmArgs", "TorchLlmArgs", "KvCacheConfig", "DecodingBaseConfig", "EagleDecodingConfig", "MTPDecodingConfig",
    "NGramDecodingConfig")


def options(tree):
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "serve")
    for call in function.decorator_list:
        if isinstance(call, ast.Call) and call.func.attr == "option":
            names = [a.value for a in call.args if a.value.startswith("-")]
            is_flag = any(k.arg == "is_flag" and k.value.value for k in call.keywords)
            yield f"{','.join(names)} {'flag' if is_flag else 'value'}"


def keys(tree):
    for node in tree.body:
        if not (isinstance(node, ast.ClassDef) and node.name in CLASSES):
            continue
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and not field.target.id.startswith("_"):
                name = field.target.id
                word = f" {field.value.value}" if name == "decoding_type" and isinstance(field.value, ast.Constant) else ""
                yield f"config {node.name} {name}{word}"


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    serve, arguments = (ast.parse(open(path).read()) for path in sys.argv[1:3])
    print(f"# Options of `trtllm-serve serve`, TensorRT-LLM {sys.argv[3]}, by Deploy/engines/trtllm/options.py")
    print("\n".join(sorted(options(serve)) + sorted(keys(arguments))))


if __name__ == "__main__":
    main()
