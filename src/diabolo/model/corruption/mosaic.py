"""The colour mosaic of a camera's sensor: one colour a pixel, and the two others interpolated."""

import torch
from torch import Tensor
from torch.nn import functional

BILINEAR_GREEN = ((0, 1, 0), (1, 4, 1), (0, 1, 0))
BILINEAR_OTHER = ((1, 2, 1), (2, 4, 2), (1, 2, 1))
"""Over 4: neighbours of the same colour, averaged."""
GREEN = ((0, 0, -2, 0, 0), (0, 0, 4, 0, 0), (-2, 4, 8, 4, -2), (0, 0, 4, 0, 0), (0, 0, -2, 0, 0))
ROW = ((0, 0, 1, 0, 0), (0, -2, 0, -2, 0), (-2, 8, 10, 8, -2), (0, -2, 0, -2, 0), (0, 0, 1, 0, 0))
DIAGONAL = ((0, 0, -3, 0, 0), (0, 4, 0, 4, 0), (-3, 0, 12, 0, -3), (0, 4, 0, 4, 0), (0, 0, -3, 0, 0))
"""Over 16: green at red or blue; a colour at green whose neighbours in the row have it; red at blue and blue at red
(Malvar, He and Cutler 2004, figure 2)."""
PLACES = ((0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0))
"""What the pixels of a cell of 2 x 2 are, row by row, for the four ways that a mosaic can begin; 0: red, 1: green in a
row with red, 2: green in a row with blue, 3: blue."""


def places(size: tuple[int, int], start: Tensor) -> Tensor:
    """Return where red, green beside red, green beside blue, and blue are, (n, 4, h, w), 0 or 1.

    start: (n,), whole numbers 0 to 3: which pixel of a cell the mosaic begins with.
    """
    cells = torch.tensor(PLACES, device=start.device)[start].view(-1, 1, 2, 2)
    kinds = torch.arange(4, device=start.device).view(1, 4, 1, 1)
    height, width = size
    tiled = (cells == kinds).float().repeat(1, 1, (height + 1) // 2, (width + 1) // 2)
    return tiled[:, :, :height, :width]


def mosaicked(images: Tensor, where: Tensor) -> Tensor:
    """Return the one value that each pixel keeps of images (n, 3, h, w), as (n, 1, h, w)."""
    red, green_red, green_blue, blue = where.unbind(1)
    return (images * torch.stack([red, green_red + green_blue, blue], 1)).sum(1, keepdim=True)


def bilinear(mosaic: Tensor, where: Tensor) -> Tensor:
    """Return the colours (n, 3, h, w), each the mean of the nearest pixels that have it."""
    red, green_red, green_blue, blue = where.unbind(1)
    planes = mosaic * torch.stack([red, green_red + green_blue, blue], 1)
    kernels = mosaic.new_tensor([BILINEAR_OTHER, BILINEAR_GREEN, BILINEAR_OTHER]).unsqueeze(1) / 4
    return functional.conv2d(functional.pad(planes, (1, 1, 1, 1), "reflect"), kernels, groups=3)


def malvar(mosaic: Tensor, where: Tensor) -> Tensor:
    """Return the colours (n, 3, h, w), corrected by the other colours' curvature."""
    column = tuple(zip(*ROW, strict=True))
    kernels = mosaic.new_tensor([GREEN, ROW, column, DIAGONAL]).unsqueeze(1) / 16
    found = functional.conv2d(functional.pad(mosaic, (2, 2, 2, 2), "reflect"), kernels)
    green_there, from_row, from_column, from_corners = torch.split(found, 1, 1)
    red, green_red, green_blue, blue = torch.split(where, 1, 1)
    return torch.cat(
        [
            mosaic * red + from_row * green_red + from_column * green_blue + from_corners * blue,
            mosaic * (green_red + green_blue) + green_there * (red + blue),
            mosaic * blue + from_row * green_blue + from_column * green_red + from_corners * red,
        ],
        1,
    )
