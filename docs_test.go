package handclasp_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestSecurityPointers: the files and tests that docs/security.md points at are
// there.
func TestSecurityPointers(t *testing.T) {
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	files := regexp.MustCompile(`[\w/]+\.go\b`).FindAll(page, -1)
	if len(files) < 20 {
		t.Errorf("only %d files are named", len(files))
	}
	var all []byte
	for _, f := range files {
		b, err := os.ReadFile(filepath.FromSlash(string(f)))
		if err != nil {
			t.Errorf("it points at %v", err)
		}
		all = append(all, b...)
	}
	for _, name := range regexp.MustCompile(`\bTest[A-Z]\w+`).FindAll(page, -1) {
		if !bytes.Contains(all, append([]byte("func "), name...)) {
			t.Errorf("%s is in none of the files", name)
		}
	}
}
