// Package diagnose finds out why a handshake fails, and reads the errors of
// other programs.
//
// Policy: nothing is concluded from a text or an alert alone, for one text hides
// many causes and one cause has many texts: ReadError lists what a text can mean,
// and what would tell the causes apart. Causes are a catalogue; code names an
// entry and never words one. What a peer sent is escaped wherever it is printed.
package diagnose
