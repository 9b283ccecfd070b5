"""Choose templates by a language model that reads them (Davison et al.)."""
