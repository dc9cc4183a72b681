namespace KernOpt.Live;

/// <summary>Where a switch can lead.</summary>
public enum ArmKind
{
    Original,
    /// <summary>The original, with each call counted.</summary>
    CountedOriginal,
    Version,
    /// <summary>The version, with each call counted.</summary>
    CountedVersion,
    /// <summary>A value probe, which goes on to what it was made for.</summary>
    Probe,
    /// <summary>The switch holds an address that is none of its own: a damaged region.</summary>
    Unknown,
}

/// <summary>One position of a redirection's switch. Id is the version's or the probe's, else 0.</summary>
public readonly record struct Arm(ArmKind Kind, ulong Id)
{
    public static readonly Arm Original = new(ArmKind.Original, 0);
    public static readonly Arm CountedOriginal = new(ArmKind.CountedOriginal, 0);

    public static Arm Version(ulong id) => new(ArmKind.Version, id);
    public static Arm CountedVersion(ulong id) => new(ArmKind.CountedVersion, id);
    public static Arm Probe(ulong id) => new(ArmKind.Probe, id);

    /// <summary>Where a switch that was found here belongs once nobody measures: an arm that counts or records is nobody's decision.</summary>
    public Arm AtRest => Kind == ArmKind.Version ? this : Original;

    public override string ToString() => Id == 0 ? $"{Kind}" : $"{Kind} {Id}";
}
