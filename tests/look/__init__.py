"""How the pages look: a gallery of the parts with sample data, and a camera that takes pictures of any page."""
