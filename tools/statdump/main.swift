print("statdump")
