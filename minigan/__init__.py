"""minigan: the GAN library you can read."""
