"""Assemble the playground's kernels, kernels.wat to kernels.wasm: python bench/playground_kernels.py"""

from pathlib import Path

import wasmtime

FOLDER = Path(__file__).resolve().parent.parent / "src/diabolo/app/pages/playground"

if __name__ == "__main__":
    assembled = wasmtime.wat2wasm((FOLDER / "kernels.wat").read_text(encoding="utf-8"))
    (FOLDER / "kernels.wasm").write_bytes(assembled)
    print(f"{FOLDER / 'kernels.wasm'}: {len(assembled):,} bytes")
