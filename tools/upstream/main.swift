print("upstream")
