/// The engines Apus can run. To add one, write its adapter in Adapters/ and add a line here.
public enum EngineCatalogue {
  public static func all(_ installation: EngineInstallation) -> [any InferenceEngine] {
    [
      LlamaCppEngine(installation),
      LlamaCppNativeEngine(installation),
      VLLMEngine(installation), SGLangEngine(installation),
      TensorRTLLMEngine(installation),
    ]
  }
}
