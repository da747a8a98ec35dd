// SPDX-License-Identifier: GPL-2.0-only

// "go N": N goroutines each call main.outer 10 times, which calls main.inner and
// waits for another goroutine in between, so that they change threads; main.deep
// recurses 5,000 deep, so that stacks are moved; main.fails panics every other
// time, under main.catches, which recovers. Answers with what it counted itself.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

var inners, outers, deeps, failed, recovered atomic.Uint64

//go:noinline
func inner(n uint64) uint64 {
	inners.Add(1)
	return n*2 + 1
}

//go:noinline
func outer(n uint64, ping, pong chan uint64) uint64 {
	outers.Add(1)
	a := inner(n)
	ping <- a
	b := <-pong
	return a + b
}

//go:noinline
func deep(n uint64) uint64 {
	var pad [64]uint64

	deeps.Add(1)
	if n == 0 {
		return 1
	}
	pad[n%64] = n
	return deep(n-1) + pad[n%64]
}

//go:noinline
func fails(n uint64) uint64 {
	if n%2 == 1 {
		failed.Add(1)
		panic(n)
	}
	return n
}

//go:noinline
func catches(n uint64) (r uint64) {
	defer func() {
		if recover() != nil {
			recovered.Add(1)
			r = 7
		}
	}()
	return fails(n) + 1
}

func work(n uint64) uint64 {
	var all sync.WaitGroup
	var sum atomic.Uint64

	for i := uint64(0); i < n; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			ping, pong := make(chan uint64), make(chan uint64)
			go func() {
				for v := range ping {
					pong <- v + 1
				}
			}()
			for k := uint64(0); k < 10; k++ {
				sum.Add(outer(k, ping, pong) + catches(k))
			}
			close(ping)
			sum.Add(deep(5000))
		}()
	}
	all.Wait()
	return sum.Load()
}

func main() {
	var n uint64

	in := bufio.NewScanner(os.Stdin)
	fmt.Printf("ready %d\n", os.Getpid())
	for in.Scan() {
		if _, err := fmt.Sscanf(in.Text(), "go %d", &n); err != nil {
			fmt.Println("{}")
			continue
		}
		sum := work(n)
		fmt.Printf("{\"sum\":%d,\"inner\":%d,\"outer\":%d,\"deep\":%d,\"failed\":%d,\"recovered\":%d}\n",
			sum, inners.Load(), outers.Load(), deeps.Load(), failed.Load(), recovered.Load())
	}
	os.Exit(5)
}
