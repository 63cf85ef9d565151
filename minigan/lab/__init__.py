"""Lab: a local page in the browser on which people watch a GAN train, and change it while it does."""
