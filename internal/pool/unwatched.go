//go:build !race && !poison

package pool

func lend([]byte)           {}
func giveBack([]byte)       {}
func fresh(b []byte) []byte { return b }
