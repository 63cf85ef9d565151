"""pytest puts the folder of this file on the import path: a test can say `from support import strict`."""
