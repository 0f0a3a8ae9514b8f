"""params.yaml as a typed contract: the models here are its only source; the JSON schema is generated from them."""
