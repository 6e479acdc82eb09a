/// The version that `envoyd`, `statdump` and the admin listener show.
public enum ProductVersion {
    /// Semantic, without a `v`.
    public static let text = "0.1.0"
}
