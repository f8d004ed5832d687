import Benchmarking
import Testing

@Suite("PrometheusText") struct PrometheusTextTests {
  /// Samples of one name are added up whatever their labels; comments, broken lines and what is no number are left out.
  @Test func sums() {
    let text = PrometheusText(
      Array(
        """
        # HELP vllm:prefix_cache_hits_total Prefix cache hits.
        # TYPE vllm:prefix_cache_hits_total counter
        vllm:prefix_cache_hits_total{engine="0",model_name="a}b c"} 128.0
        vllm:prefix_cache_hits_total{engine="1",model_name="a}b c"} 2 1700000000
        plain 7
        bad
        worse{a="b" 3
        notnumber{a="b"} many
        infinite +Inf

        """.utf8))
    #expect(text["vllm:prefix_cache_hits_total"] == 130)
    #expect(text["plain"] == 7)
    for name in ["bad", "worse", "notnumber", "infinite", "absent"] { #expect(text[name] == nil, "\(name)") }
  }
}
