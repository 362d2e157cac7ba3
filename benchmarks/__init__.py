"""What README.md, docs/ and the model card say of faces, sliders, training and serving is measured here."""
