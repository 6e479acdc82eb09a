print("envoyd")
