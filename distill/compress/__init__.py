"""Models made small: ONNX graphs, int8, fp16, and what each costs."""

ONNX, INT8, FP16 = FORMS = ("onnx", "onnx-int8", "safetensors-fp16")
