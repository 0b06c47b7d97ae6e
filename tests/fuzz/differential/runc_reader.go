// Reads config.json as runc does: encoding/json into the structures of runtime-spec's specs-go, of which these are the
// members that bear on IPC, and specconv's rules (CreateLibcontainerConfig: a namespace twice is an error, an empty path
// is a new one; createLibcontainerMount: bind or rbind among the options, or the type, makes a bind).
//
// Takes documents on standard input, each after its length (32 bits, little endian), and answers each with what it sees
// in the same way; reading.h tells the form.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"strings"
)

type namespace struct {
	Type string `json:"type"`
	Path string `json:"path,omitempty"`
}

type mount struct {
	Destination string   `json:"destination"`
	Type        string   `json:"type,omitempty"`
	Source      string   `json:"source,omitempty"`
	Options     []string `json:"options,omitempty"`
}

type spec struct {
	Version string `json:"ociVersion"`
	Root    *struct {
		Path     string `json:"path"`
		Readonly bool   `json:"readonly,omitempty"`
	} `json:"root,omitempty"`
	Mounts      []mount           `json:"mounts,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Linux       *struct {
		Namespaces  []namespace `json:"namespaces,omitempty"`
		CgroupsPath string      `json:"cgroupsPath,omitempty"`
	} `json:"linux,omitempty"`
}

func binds(one mount) bool {
	for _, option := range one.Options {
		if option == "bind" || option == "rbind" {
			return true
		}
	}
	return one.Type == "bind"
}

func read(document []byte) string {
	var config spec
	if json.NewDecoder(bytes.NewReader(document)).Decode(&config) != nil || config.Linux == nil {
		return "error\n"
	}
	seen := map[string]string{}
	for _, one := range config.Linux.Namespaces {
		if _, twice := seen[one.Type]; twice {
			return "error\n"
		}
		seen[one.Type] = one.Path
	}
	var out strings.Builder
	for _, name := range []string{"ipc", "pid", "mount"} {
		path, present := seen[name]
		switch {
		case !present:
			out.WriteString("none\n")
		case path == "":
			out.WriteString("new\n")
		default:
			out.WriteString("path " + path + "\n")
		}
	}
	if config.Root != nil && config.Root.Path != "" {
		out.WriteString(config.Root.Path + "\n")
	}
	for _, one := range config.Mounts {
		if binds(one) {
			out.WriteString(one.Source + "\n")
		}
	}
	return out.String()
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		var size uint32
		if binary.Read(in, binary.LittleEndian, &size) != nil {
			return
		}
		document := make([]byte, size)
		if _, err := io.ReadFull(in, document); err != nil {
			return
		}
		answer := read(document)
		binary.Write(out, binary.LittleEndian, uint32(len(answer)))
		out.WriteString(answer)
		out.Flush()
	}
}
