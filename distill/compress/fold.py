"""Operations of a graph put into others, exactly: small graphs cost by the node.

What the rules compute of constants is left to constant folding.
"""

from typing import Any, TypeAlias

from onnxscript.rewriter.pattern import RewriteRule, RewriteRuleSet

Op: TypeAlias = Any
Value: TypeAlias = Any
"""Of the rewriter: a pattern while it looks for values, a value once it found it."""


def _modulated(op: Op, x: Value, own: Value, scale: Value, shift: Value) -> Any:
    normal = op.LayerNormalization(x, own, _outputs=["normal"])
    return op.Add(op.Mul(normal, scale), shift)


def _has_no_weights(_: Any, own: Value, **__: Any) -> bool:
    return own.const_value is not None and bool((own.const_value.numpy() == 1).all())


def _modulating(op: Op, x: Value, scale: Value, shift: Value, normal: Value, **_: Any) -> Any:
    return op.LayerNormalization(x, scale, shift, **normal.producer().attributes)


def _multiplied(op: Op, x: Value, factors: Value, weights: Value) -> Any:
    return op.MatMul(op.Mul(x, factors), weights)


def _one_per_input(_: Any, factors: Value, weights: Value, **__: Any) -> bool:
    if factors.const_value is None or weights.const_value is None:
        return False
    shape = weights.const_value.numpy().shape
    return len(shape) == 2 and factors.const_value.numpy().shape == shape[:1]


def _multiplying(op: Op, x: Value, factors: Value, weights: Value) -> Any:
    column = op.Unsqueeze(factors, op.Constant(value_ints=[1]))
    return op.MatMul(x, op.Mul(column, weights))


RULES = RewriteRuleSet(
    [
        RewriteRule(_modulated, _modulating, _has_no_weights, name="norm takes scale and shift"),
        RewriteRule(_multiplied, _multiplying, _one_per_input, name="weights take factors"),
    ],
    commute=True,
)
