// go_echo: an echo server as Go has it, a goroutine for each connection.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
)

const bufferSize = 65536

func serve(conn net.Conn, prefix string, size int) {
	defer conn.Close()
	// The prefix stands before the data once and for all.
	buffer := make([]byte, len(prefix)+size)
	copy(buffer, prefix)
	for {
		n, err := conn.Read(buffer[len(prefix):])
		if n > 0 {
			if _, err := conn.Write(buffer[:len(prefix)+n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func main() {
	prefix := flag.String("p", "", "prefix")
	size := flag.Int("k", 1000, "chunk size")
	flag.Parse()
	if *prefix == "" {
		*size = bufferSize
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "listening=tcp:%s\n", listener.Addr())
	for {
		// Go sets TCP_NODELAY by itself.
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go serve(conn, *prefix, *size)
	}
}
