// SPDX-License-Identifier: GPL-2.0-only

// Packs, hashes and parses in goroutines; panics now and then, and recovers.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
)

type item struct {
	Name  string            `json:"name"`
	Price float64           `json:"price"`
	Tags  []string          `json:"tags"`
	More  map[string]string `json:"more,omitempty"`
}

func items(seed, n int) []item {
	list := make([]item, n)
	for i := range list {
		k := (seed*31 + i*17) % 101
		list[i] = item{Name: "item " + strconv.Itoa(k), Price: float64(k) / 4, Tags: []string{"a", strconv.Itoa(i)}}
		if k%3 == 0 {
			list[i].More = map[string]string{"k": strings.Repeat("x", k)}
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Price < list[j].Price })
	return list
}

func pack(seed, n int) (sum string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("recovered: %v", r)
		}
	}()
	text, err := json.Marshal(items(seed, n))
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(text)
	w.Close()
	r, err := gzip.NewReader(&packed)
	if err != nil {
		return "", err
	}
	back, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	var parsed []item
	if err := json.Unmarshal(back, &parsed); err != nil {
		return "", err
	}
	if seed%5 == 4 {
		_ = parsed[len(parsed)]
	}
	return fmt.Sprintf("%x", sha256.Sum256(back))[:16], nil
}

// Grows its stack, so that the runtime has to move it.
func deep(n int) int {
	var room [64]int
	room[n%64] = n
	if n == 0 {
		return 0
	}
	return deep(n-1) + room[n%64] - n + 1
}

func main() {
	jobs, _ := strconv.Atoi(os.Args[1])
	results := make([]string, jobs)
	queue := make(chan int)
	var wait sync.WaitGroup
	for i := 0; i < 4; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for job := range queue {
				sum, err := pack(job, 60)
				results[job] = fmt.Sprint(job, " ", sum, " ", err, " ", deep(500+job))
				if job%8 == 0 {
					runtime.GC()
				}
			}
		}()
	}
	for job := 0; job < jobs; job++ {
		queue <- job
	}
	close(queue)
	wait.Wait()
	fmt.Println(strings.Join(results, "\n"))
	os.Exit(7)
}
