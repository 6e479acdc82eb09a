// HotRestart
