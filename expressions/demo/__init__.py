"""What the page is made of, apart from its layout: its state, its pictures, its texts and its looks."""
