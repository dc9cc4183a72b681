using KernOpt.Target;

namespace KernOpt.Probes.Language;

/// <summary>Data of a module: where it begins, the memory around it that is readable, and whether that stays mapped as long as the target lives (its own program's, the C library's).</summary>
public readonly record struct DataPlace(Address At, AddressRange Memory, bool IsAlwaysThere);

/// <summary>What an expression may name of the target.</summary>
public interface INames
{
    /// <summary>Where a function lies; refused when there is none of that name, or several.</summary>
    Outcome<AddressRange> Function(string name);

    /// <summary>See <see cref="ITarget.FindThreadNumberOffset"/>.</summary>
    Outcome<int> ThreadNumberOffset();

    /// <summary>Where a variable lies; refused when there is none of that name, or several.</summary>
    Outcome<DataPlace> Data(string name) => Reasons.DataNotFound.With(name);

    /// <summary>How often the processor's time stamp ticks.</summary>
    Outcome<ulong> TicksPerSecond() => Reasons.BadExpression.With("the processor's time stamp is not known here");

    /// <summary>Why a hardware counter cannot be read: what the machine answered.</summary>
    Refusal WhyNotCounted(string counter) => Reasons.NoHardwareCounter.With(counter);
}
