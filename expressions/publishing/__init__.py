"""How weights and the page get to the Hugging Face Hub."""
