/// Redirects that the proxy follows itself.
extension MessageSchema {
    static let internalRedirectPolicy = MessageSchema(
        "envoy.config.route.v3.InternalRedirectPolicy",
        supported: """
            max_internal_redirects redirect_response_codes predicates allow_cross_scheme_redirect response_headers_to_copy
            """)

    static let redirectPredicate = MessageSchema(
        "envoy.config.core.v3.TypedExtensionConfig", supported: "name typed_config")

    static let previousRoutes = MessageSchema(
        "envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig")

    static let allowListedRoutes = MessageSchema(
        "envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig",
        supported: "allowed_route_names")

    static let safeCrossScheme = MessageSchema(
        "envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig")
}
