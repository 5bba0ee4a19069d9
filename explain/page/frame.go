package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/handclasp/handclasp/explain"
)

// What all pages share.

//go:embed page.html compare.html page.css page.js
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"span":    explain.Span,
	"count":   explain.Count,
	"join":    strings.Join,
	"topics":  topics,
	"folded":  folded[string],
	"few":     func() int { return few },
	"most":    func() int { return most },
	"worded":  worded,
	"stepped": stepped,
	"cite":    cite,
	"breaks":  breaks,
	"dated":   dated,
	"hex":     func(b []byte) string { return hex.EncodeToString(b) },
}).ParseFS(files, "*.html"))

// Template is the template of another page, with the parts that pages share: "head"
// with all up to the body's beginning, "made" with who made it, "lock", "checks",
// and the functions of explain's words.
func Template(name, source string) *template.Template {
	return template.Must(template.Must(pages.Clone()).New(name).Parse(source))
}

// Execute writes a page by its template, the whole of it or nothing. Its error is
// w's, or says that v can't be shown.
func Execute(w io.Writer, t *template.Template, name string, v any) error {
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, v); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// A Frame is what each page has. Who shows it has a method Heading.
type Frame struct {
	Style  template.CSS
	Script template.JS
	Policy string
}

// Whole is the frame.
func Whole() Frame { return whole }

var whole = Frame{style, script, policy}

// Policy is the Content-Security-Policy of a page, for who serves it: nothing
// loads, and nothing runs but our own script and style.
func Policy() string { return policy }

var (
	style  = template.CSS(asset("page.css"))
	script = template.JS(asset("page.js"))
	policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; form-action 'none'", digest(string(style)), digest(string(script)))
)

func asset(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(b)
}

// digest is how a policy names a script or style (CSP Level 3, Section 2.3.1).
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
