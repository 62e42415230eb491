"""The jars that let Spark read and write the object store."""
