"""Lanes: Faust workers whose partitions are handled in rounds, each one Kafka transaction."""
