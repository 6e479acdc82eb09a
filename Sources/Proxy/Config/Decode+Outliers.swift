/// `outlier_detection`.
extension Decoder {
    func outlierDetection(_ message: Message) -> OutlierDetection {
        var result = OutlierDetection()
        func number(_ field: String, _ target: inout UInt32) {
            if let value = message[field]?.number() { target = value }
        }
        func share(_ field: String, _ target: inout UInt32) {
            if let value = message[field]?.number(0...100) { target = value }
        }
        number("consecutive_5xx", &result.consecutive5xx)
        number("consecutive_gateway_failure", &result.consecutiveGatewayFailure)
        number("consecutive_local_origin_failure", &result.consecutiveLocalOriginFailure)
        share("max_ejection_percent", &result.maxEjectionPercent)
        share("enforcing_consecutive_5xx", &result.enforcing5xx)
        share("enforcing_consecutive_gateway_failure", &result.enforcingGatewayFailure)
        share("enforcing_consecutive_local_origin_failure", &result.enforcingLocalOriginFailure)
        share("enforcing_success_rate", &result.enforcingSuccessRate)
        share("enforcing_local_origin_success_rate", &result.enforcingLocalOriginSuccessRate)
        share("enforcing_failure_percentage", &result.enforcingFailurePercentage)
        share("enforcing_failure_percentage_local_origin", &result.enforcingLocalOriginFailurePercentage)
        number("success_rate_minimum_hosts", &result.successRateMinimumHosts)
        number("success_rate_request_volume", &result.successRateRequestVolume)
        number("success_rate_stdev_factor", &result.successRateStdevFactor)
        share("failure_percentage_threshold", &result.failurePercentageThreshold)
        number("failure_percentage_minimum_hosts", &result.failurePercentageMinimumHosts)
        number("failure_percentage_request_volume", &result.failurePercentageRequestVolume)
        outlierTimes(message, &result)
        result.splitsLocalOrigin = message["split_external_local_origin_errors"]?.bool() ?? false
        result.checkUnejects = message["successful_active_health_check_uneject_host"]?.bool() ?? true
        result.alwaysEjectsOne = message["always_eject_one_host"]?.bool() ?? false
        return result
    }

    private func outlierTimes(_ message: Message, _ result: inout OutlierDetection) {
        result.intervalMs = message["interval"]?.positiveDuration() ?? result.intervalMs
        result.baseEjectionTimeMs = message["base_ejection_time"]?.positiveDuration() ?? result.baseEjectionTimeMs
        if let value = message["max_ejection_time"], let longest = value.positiveDuration() {
            if longest < result.baseEjectionTimeMs { value.error("must not be less than base_ejection_time") }
            result.maxEjectionTimeMs = longest
        }
        result.maxEjectionTimeMs = max(result.maxEjectionTimeMs, result.baseEjectionTimeMs)
        result.maxEjectionTimeJitterMs = message["max_ejection_time_jitter"]?.duration() ?? 0
    }
}
