"""What `diabolo denoise` says of one picture."""

import math
from typing import Any

WHITE = 255.0
LEFT = {
    "faint": "left as it was: so little noise counts as none",
    "texture": "left as it was: what looks like noise is texture",
}
ALL_THE_SAME = "--noise-level SPREAD cleans it all the same"


def line(row: dict[str, Any]) -> str:
    """Return the noise that was found, what was done, the figures against the clean picture, and the file."""
    bits = round(math.log2(row["white"] + 1)) if row["white"] > 1 else 8
    text = f"{row['name']}: noise about {row['noise']:.1f}/255" + (f" ({bits} bits)" if 8 < bits < 16 else "")
    if row["share"] < 1:
        words = f"cleaned by {row['share']:.0%}: it is faint" if row["share"] else LEFT[row["reason"]]
        text += f" ({words}; {ALL_THE_SAME})"
    if "cleaned_psnr" in row:
        before, after = (
            "same" if row[f"{stage}_psnr"] is None else f"{row[f'{stage}_psnr']:.2f} dB"
            for stage in ("noisy", "cleaned")
        )
        text += f"; PSNR {before} -> {after}, SSIM {row['noisy_ssim']:.4f} -> {row['cleaned_ssim']:.4f}"
    return f"{text}; {row['out']}"
