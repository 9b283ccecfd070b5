"""Label names taken apart, or rules over several slots (AdaPrompt, PTR)."""
