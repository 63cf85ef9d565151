"""Pictures: plain arrays in, files out. Grids of images, animations, curves of a log, densities of 2-D points, and
pages that compare trainings.

No display is ever asked for, and matplotlib is imported only by the functions that draw with it.
"""

from minigan.plots.animation import save_animation
from minigan.plots.curves import save_curves
from minigan.plots.density import density_frame, save_density_strip
from minigan.plots.grids import Grid, grid, save_grid
from minigan.plots.panels import ImagesRow, PointsRow, save_images_rows, save_points_rows

__all__ = [
    "Grid",
    "ImagesRow",
    "PointsRow",
    "density_frame",
    "grid",
    "save_animation",
    "save_curves",
    "save_density_strip",
    "save_grid",
    "save_images_rows",
    "save_points_rows",
]
