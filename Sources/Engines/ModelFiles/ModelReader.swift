import Glibc
public import Serving

/// Reads a model in whichever format it is: a GGUF file or a folder in Hugging Face format.
public enum ModelReader {
  /// The format a path has; a path that is not there counts as GGUF, whose reader then says so.
  public static func format(of path: String) -> ModelFormat {
    var information = stat()
    return fstatat(AT_FDCWD, path, &information, 0) == 0 && information.st_mode & S_IFMT == S_IFDIR
      ? .huggingFace : .gguf
  }

  /// - Parameter name: what people call it; the file's name without its ending, or the folder's, when nil.
  /// - Throws: `badInput` for what cannot be read or no engine could load.
  public static func profile(path: String, name: String?) throws(ApusError) -> ModelProfile {
    switch format(of: path) {
    case .gguf: try GGUFReader.profile(path: path, name: name)
    case .huggingFace: try HuggingFaceReader.profile(path: path, name: name)
    }
  }

  /// Tokens of the document a model is known to repeat, as its file says; nil when it says nothing.
  public static func editDocument(path: String) throws(ApusError) -> [Int]? {
    switch format(of: path) {
    case .gguf: try GGUFReader.integers(path: path, key: ModelSynthesizer.editDocumentKey)
    case .huggingFace: try HuggingFaceReader.editDocument(path: path)
    }
  }

  /// Bytes of the weights by what they are for. Reads the headers only.
  public static func bytesByClass(path: String) throws(ApusError) -> [TensorClass: Int] {
    switch format(of: path) {
    case .gguf: try GGUFReader.bytesByClass(path: path)
    case .huggingFace: try HuggingFaceReader.bytesByClass(path: path)
    }
  }
}
