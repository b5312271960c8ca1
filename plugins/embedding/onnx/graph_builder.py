"""How does a BERT encoder become an ONNX file?

Built from ONNX Runtime's fused operators (contrib operators of domain com.microsoft) where they are fast, with mean
pooling and L2 normalisation inside. int8 is ONNX Runtime's dynamic quantisation, one scale per output channel.

Two things are shaped by measurement (benchmarks/README.md). Layer normalisation is written out: on a processor the
fused operator sums one number at a time, the plain ones sum vectors. Attention has a way without mask, taken by batches
without padding: only there ONNX Runtime never writes out the matrix of scores.

Weights have the names of a BERT checkpoint. Without ``embeddings.word_embeddings.weight`` the graph takes the vectors
of words instead of their ids: a large vocabulary need not be in memory then.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Weights = dict[str, npt.NDArray[np.float32]]
WORDS = "embeddings.word_embeddings.weight"
HEADS = 12
EPSILON = 1e-12
OPSET = 17


def build(weights: Weights, target: Path, *, quantize: bool) -> None:
    """Write the model to ``target``; several processes may do so at once, and each finds a whole file."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as folder:
        plain, final = Path(folder) / "fp32.onnx", Path(folder) / "final.onnx"
        model = _model(weights)
        # What ONNX Runtime calls pre-processing is done: operators are fused by hand above, and dynamic quantisation of
        # constant matrices asks for no shapes. Unsaid, each build advises to do it.
        add_pre_process_metadata(model)
        onnx.save(model, plain)
        if quantize:
            quantize_dynamic(
                plain,
                final,
                per_channel=True,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["MatMul"],
                extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
            )
        else:
            plain.rename(final)
        final.replace(target)


def _model(weights: Weights) -> Any:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    initializers: list[Any] = []

    def constant(name: str, value: npt.NDArray[Any]) -> str:
        initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    constant("epsilon", np.array(EPSILON, np.float32))
    if WORDS in weights:
        tokens = helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["batch", "tokens"])
        hidden = _embeddings(weights, constant, nodes)
    else:
        width = weights["embeddings.LayerNorm.weight"].size
        tokens = helper.make_tensor_value_info("words", TensorProto.FLOAT, ["batch", "tokens", width])
        hidden = _given_embeddings(weights, constant, node)
    for layer in range(_layers(weights)):
        hidden = _layer(weights, f"encoder.layer.{layer}", hidden, constant, node)
    mask = node("Cast", ["attention_mask"], "mask_float", to=TensorProto.FLOAT)
    mask3 = node("Unsqueeze", [mask, constant("axis_last", np.array([2], np.int64))], "mask3")
    axis = constant("axis_tokens", np.array([1], np.int64))
    total = node("ReduceSum", [node("Mul", [hidden, mask3], "masked"), axis], "total", keepdims=0)
    mean = node("Div", [total, node("ReduceSum", [mask3, axis], "count", keepdims=0)], "mean")
    node("LpNormalization", [mean], "embedding", axis=1, p=2)
    graph = helper.make_graph(
        nodes,
        "encoder",
        [
            tokens,
            helper.make_tensor_value_info("attention_mask", TensorProto.INT32, ["batch", "tokens"]),
            helper.make_tensor_value_info("padded", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", "width"])],
        initializers,
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)],
        ir_version=min(onnx.IR_VERSION, 10),
    )


def _embeddings(weights: Weights, constant: Any, nodes: list[Any]) -> str:
    from onnx import helper

    # One segment only: its embedding is added to every word, and the operator's segment input stays empty.
    words = weights[WORDS] + weights["embeddings.token_type_embeddings.weight"][0]
    nodes.append(
        helper.make_node(
            "EmbedLayerNormalization",
            [
                "input_ids",
                "",
                constant("words", words),
                constant("positions", weights["embeddings.position_embeddings.weight"]),
                "",
                constant("embedding_gamma", weights["embeddings.LayerNorm.weight"]),
                constant("embedding_beta", weights["embeddings.LayerNorm.bias"]),
            ],
            ["embedded", "unused_mask_index"],
            domain="com.microsoft",
            epsilon=EPSILON,
        )
    )
    return "embedded"


def _given_embeddings(weights: Weights, constant: Any, node: Any) -> str:
    segment = weights["embeddings.token_type_embeddings.weight"][0]
    positions = constant("positions", weights["embeddings.position_embeddings.weight"] + segment)
    tokens = node("Shape", ["words"], "tokens", start=1, end=2)
    zero = constant("zero", np.array([0], np.int64))
    placed = node("Slice", [positions, zero, tokens, zero], "placed")
    return _normalised(weights, "embeddings", node("Add", ["words", placed], "embedded"), constant, node)


def _layers(weights: Weights) -> int:
    return 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))


def _layer(weights: Weights, name: str, hidden: str, constant: Any, node: Any) -> str:
    def product(inputs: str, part: str) -> str:
        weight = constant(f"{name}.{part}.weight", weights[f"{name}.{part}.weight"].T)
        return str(node("MatMul", [inputs, weight], f"{name}.{part}.product"))

    def dense(inputs: str, part: str) -> str:
        bias = constant(f"{name}.{part}.bias", weights[f"{name}.{part}.bias"])
        return str(node("Add", [product(inputs, part), bias], f"{name}.{part}.sum"))

    def normalised(inputs: str, part: str) -> str:
        return _normalised(weights, f"{name}.{part}", inputs, constant, node)

    parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
    bias = constant(f"{name}.qkv_bias", np.concatenate([weights[f"{name}.{part}.bias"] for part in parts]))
    attended = _attention(f"{name}.attended", [*(product(hidden, part) for part in parts), bias], node)
    skipped = node("Add", [dense(attended, "attention.output.dense"), hidden], f"{name}.attention.skipped")
    middle = normalised(skipped, "attention.output")
    bias = constant(f"{name}.intermediate.bias", weights[f"{name}.intermediate.dense.bias"])
    inner = [product(middle, "intermediate.dense"), bias]
    active = node("BiasGelu", inner, f"{name}.active", "com.microsoft")
    return normalised(node("Add", [dense(active, "output.dense"), middle], f"{name}.skipped"), "output")


def _normalised(weights: Weights, name: str, inputs: str, constant: Any, node: Any) -> str:
    here = f"{name}.LayerNorm"
    mean = node("ReduceMean", [inputs], f"{here}.mean", axes=[-1], keepdims=1)
    centred = node("Sub", [inputs, mean], f"{here}.centred")
    square = node("Mul", [centred, centred], f"{here}.square")
    variance = node("ReduceMean", [square], f"{here}.variance", axes=[-1], keepdims=1)
    spread = node("Sqrt", [node("Add", [variance, "epsilon"], f"{here}.variance_above_0")], f"{here}.spread")
    unit = node("Div", [centred, spread], f"{here}.unit")
    scaled = node("Mul", [unit, constant(f"{here}.gamma", weights[f"{here}.weight"])], f"{here}.scaled")
    return str(node("Add", [scaled, constant(f"{here}.beta", weights[f"{here}.bias"])], f"{here}.normalised"))


def _attention(name: str, inputs: list[str], node: Any) -> str:
    from onnx import helper

    def branch(kind: str, mask: list[str]) -> Any:
        output = f"{name}.{kind}"
        attention = helper.make_node(
            "MultiHeadAttention", [*inputs, *mask], [output], name=output, domain="com.microsoft", num_heads=HEADS
        )
        return helper.make_graph([attention], output, [], [helper.make_empty_tensor_value_info(output)])

    return str(
        node(
            "If",
            ["padded"],
            name,
            then_branch=branch("padded", ["attention_mask"]),
            else_branch=branch("unpadded", []),
        )
    )
