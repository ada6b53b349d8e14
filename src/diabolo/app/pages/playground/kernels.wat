;; The sums of a fully connected layer, four numbers at once, and Adam's step. All numbers are of 32 bits.
;; kernels.wasm is this file, assembled: python bench/playground.py --assemble
(module
  (import "page" "memory" (memory 1))

  ;; y[j] += value[k] * rows[from[k] + j], for k below count (a multiple of 4) and j below length. from: in bytes.
  (func (export "add")
    (param $y i32) (param $rows i32) (param $from i32) (param $value i32) (param $count i32) (param $length i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $p i32) (local $q i32) (local $r i32) (local $t i32) (local $at i32) (local $wide i32) (local $end i32)
    (local.set $wide (i32.add (local.get $y) (i32.shl (i32.and (local.get $length) (i32.const -4)) (i32.const 2))))
    (local.set $end (i32.add (local.get $y) (i32.shl (local.get $length) (i32.const 2))))
    (block $done (loop $next
      (br_if $done (i32.le_s (local.get $count) (i32.const 0)))
      (local.set $a (v128.load32_splat (local.get $value)))
      (local.set $b (v128.load32_splat offset=4 (local.get $value)))
      (local.set $c (v128.load32_splat offset=8 (local.get $value)))
      (local.set $d (v128.load32_splat offset=12 (local.get $value)))
      (local.set $p (i32.add (local.get $rows) (i32.load (local.get $from))))
      (local.set $q (i32.add (local.get $rows) (i32.load offset=4 (local.get $from))))
      (local.set $r (i32.add (local.get $rows) (i32.load offset=8 (local.get $from))))
      (local.set $t (i32.add (local.get $rows) (i32.load offset=12 (local.get $from))))
      (local.set $at (local.get $y))
      (block $tail (loop $four
        (br_if $tail (i32.ge_u (local.get $at) (local.get $wide)))
        (v128.store (local.get $at) (f32x4.add (v128.load (local.get $at)) (f32x4.add
          (f32x4.add (f32x4.mul (local.get $a) (v128.load (local.get $p)))
                     (f32x4.mul (local.get $b) (v128.load (local.get $q))))
          (f32x4.add (f32x4.mul (local.get $c) (v128.load (local.get $r)))
                     (f32x4.mul (local.get $d) (v128.load (local.get $t)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (local.set $q (i32.add (local.get $q) (i32.const 16)))
        (local.set $r (i32.add (local.get $r) (i32.const 16)))
        (local.set $t (i32.add (local.get $t) (i32.const 16)))
        (br $four)))
      (block $whole (loop $one
        (br_if $whole (i32.ge_u (local.get $at) (local.get $end)))
        (f32.store (local.get $at) (f32.add (f32.load (local.get $at)) (f32.add
          (f32.add (f32.mul (f32x4.extract_lane 0 (local.get $a)) (f32.load (local.get $p)))
                   (f32.mul (f32x4.extract_lane 0 (local.get $b)) (f32.load (local.get $q))))
          (f32.add (f32.mul (f32x4.extract_lane 0 (local.get $c)) (f32.load (local.get $r)))
                   (f32.mul (f32x4.extract_lane 0 (local.get $d)) (f32.load (local.get $t)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $p (i32.add (local.get $p) (i32.const 4)))
        (local.set $q (i32.add (local.get $q) (i32.const 4)))
        (local.set $r (i32.add (local.get $r) (i32.const 4)))
        (local.set $t (i32.add (local.get $t) (i32.const 4)))
        (br $one)))
      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (local.set $value (i32.add (local.get $value) (i32.const 16)))
      (local.set $count (i32.sub (local.get $count) (i32.const 4)))
      (br $next))))

  ;; x[i] = the sum over j of g[j] * weights[i * outputs + j], for i below inputs.
  (func (export "back") (param $g i32) (param $weights i32) (param $x i32) (param $inputs i32) (param $outputs i32)
    (local $s v128) (local $u v128) (local $sum f32) (local $at i32) (local $eight i32) (local $end i32)
    (local.set $eight (i32.add (local.get $g) (i32.shl (i32.and (local.get $outputs) (i32.const -8)) (i32.const 2))))
    (local.set $end (i32.add (local.get $g) (i32.shl (local.get $outputs) (i32.const 2))))
    (block $done (loop $row
      (br_if $done (i32.le_s (local.get $inputs) (i32.const 0)))
      (local.set $s (v128.const f32x4 0 0 0 0))
      (local.set $u (v128.const f32x4 0 0 0 0))
      (local.set $at (local.get $g))
      (block $tail (loop $wide
        (br_if $tail (i32.ge_u (local.get $at) (local.get $eight)))
        (local.set $s (f32x4.add (local.get $s)
          (f32x4.mul (v128.load (local.get $at)) (v128.load (local.get $weights)))))
        (local.set $u (f32x4.add (local.get $u)
          (f32x4.mul (v128.load offset=16 (local.get $at)) (v128.load offset=16 (local.get $weights)))))
        (local.set $at (i32.add (local.get $at) (i32.const 32)))
        (local.set $weights (i32.add (local.get $weights) (i32.const 32)))
        (br $wide)))
      (local.set $s (f32x4.add (local.get $s) (local.get $u)))
      (local.set $sum (f32.add
        (f32.add (f32x4.extract_lane 0 (local.get $s)) (f32x4.extract_lane 1 (local.get $s)))
        (f32.add (f32x4.extract_lane 2 (local.get $s)) (f32x4.extract_lane 3 (local.get $s)))))
      (block $whole (loop $one
        (br_if $whole (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $sum (f32.add (local.get $sum) (f32.mul (f32.load (local.get $at)) (f32.load (local.get $weights)))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $weights (i32.add (local.get $weights) (i32.const 4)))
        (br $one)))
      (f32.store (local.get $x) (local.get $sum))
      (local.set $x (i32.add (local.get $x) (i32.const 4)))
      (local.set $inputs (i32.sub (local.get $inputs) (i32.const 1)))
      (br $row))))

  ;; One step of Adam on count numbers; count is rounded up to a multiple of 4.
  ;; first = 0.9 first + 0.1 slope; second = 0.999 second + 0.001 slope^2;
  ;; parameter -= $m first / (sqrt($v second) + 1e-8), where $m and $v hold the rate and the correction of the start.
  (func (export "adam")
    (param $parameters i32) (param $slopes i32) (param $first i32) (param $second i32) (param $count i32)
    (param $m f32) (param $v f32)
    (local $g v128) (local $a v128) (local $b v128)
    (block $done (loop $next
      (br_if $done (i32.le_s (local.get $count) (i32.const 0)))
      (local.set $g (v128.load (local.get $slopes)))
      (local.set $a (f32x4.add
        (f32x4.mul (v128.load (local.get $first)) (v128.const f32x4 0.9 0.9 0.9 0.9))
        (f32x4.mul (local.get $g) (v128.const f32x4 0.1 0.1 0.1 0.1))))
      (local.set $b (f32x4.add
        (f32x4.mul (v128.load (local.get $second)) (v128.const f32x4 0.999 0.999 0.999 0.999))
        (f32x4.mul (f32x4.mul (local.get $g) (local.get $g)) (v128.const f32x4 0.001 0.001 0.001 0.001))))
      (v128.store (local.get $first) (local.get $a))
      (v128.store (local.get $second) (local.get $b))
      (v128.store (local.get $parameters) (f32x4.sub (v128.load (local.get $parameters))
        (f32x4.div (f32x4.mul (f32x4.splat (local.get $m)) (local.get $a))
          (f32x4.add (f32x4.sqrt (f32x4.mul (f32x4.splat (local.get $v)) (local.get $b)))
            (v128.const f32x4 1e-8 1e-8 1e-8 1e-8)))))
      (local.set $parameters (i32.add (local.get $parameters) (i32.const 16)))
      (local.set $slopes (i32.add (local.get $slopes) (i32.const 16)))
      (local.set $first (i32.add (local.get $first) (i32.const 16)))
      (local.set $second (i32.add (local.get $second) (i32.const 16)))
      (local.set $count (i32.sub (local.get $count) (i32.const 4)))
      (br $next)))))
