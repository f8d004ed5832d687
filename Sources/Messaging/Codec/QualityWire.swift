import CMessages
import Serving

// What a configuration loses of a model's output, in Schemas/messages.proto.

extension QualityLoss: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__QualityLoss>) { apus__quality_loss__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__QualityLoss>, _ arena: Arena) throws(CodecError) {
    c.pointee.position_count = try arena.count(positionCount, "QualityLoss.position_count")
    c.pointee.top_agreement = try Wire.share(topAgreement, "QualityLoss.top_agreement")
    c.pointee.decisive_mismatch_count = try arena.count(decisiveMismatchCount, "QualityLoss.decisive_mismatch_count")
    c.pointee.divergence = try arena.number(divergence, "QualityLoss.divergence")
    c.pointee.perplexity = try arena.number(perplexity, "QualityLoss.perplexity")
    c.pointee.reference_perplexity = try arena.number(referencePerplexity, "QualityLoss.reference_perplexity")
    c.pointee.probe_version = try arena.count(probeVersion, "QualityLoss.probe_version")
  }

  init(reading c: UnsafePointer<Apus__QualityLoss>) throws(CodecError) {
    self.init(
      positionCount: try Wire.count(c.pointee.position_count, "QualityLoss.position_count"),
      topAgreement: try Wire.share(c.pointee.top_agreement, "QualityLoss.top_agreement"),
      decisiveMismatchCount: try Wire.count(c.pointee.decisive_mismatch_count, "QualityLoss.decisive_mismatch_count"),
      divergence: try Wire.number(c.pointee.divergence, "QualityLoss.divergence"),
      perplexity: try Wire.number(c.pointee.perplexity, "QualityLoss.perplexity"),
      referencePerplexity: try Wire.number(c.pointee.reference_perplexity, "QualityLoss.reference_perplexity"),
      probeVersion: try Wire.count(c.pointee.probe_version, "QualityLoss.probe_version"))
  }
}
