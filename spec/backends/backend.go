// An ordinary server of Go that prints a line for each request it believes to have seen.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		fmt.Printf("%s %s\n", r.Method, r.RequestURI)
		io.WriteString(w, "ok")
	}))
}
