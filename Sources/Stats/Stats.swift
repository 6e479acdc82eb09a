// Stats
