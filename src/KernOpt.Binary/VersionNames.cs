namespace KernOpt.Binary;

/// <summary>The version of each dynamic symbol (.gnu.version) and the names of the versions that the file defines (.gnu.version_d); LSB Core, "Symbol Versioning".</summary>
internal sealed class VersionNames
{
    public static readonly VersionNames None = new();

    private readonly Dictionary<int, string> names = [];
    private ByteView versions;

    /// <summary>The version word of a symbol; bit 15: not the default one. 0 when the file has no versions.</summary>
    public ushort Of(ulong symbol) => versions.TryUInt16(2 * symbol, out var version) ? version : (ushort)0;

    public string NameOf(ushort version) => names.GetValueOrDefault(version & 0x7fff, $"{version & 0x7fff}");

    public static VersionNames Read(ElfImage image, Findings findings)
    {
        if (!image.Dynamic.TryGet(ElfFormat.DynamicVersions, out var start)) return None;
        var result = new VersionNames { versions = image.ViewAt(new FileAddress(start)) };
        if (image.Dynamic.TryGet(ElfFormat.DynamicVersionDefinitions, out var definitions))
        {
            result.ReadDefinitions(image.ViewAt(new FileAddress(definitions)), new NameReader(image.Dynamic.Strings, findings));
        }
        return result;
    }

    /// <summary>Each definition: index at 4, offset of its name's record at 12, offset of the next definition at 16 (0: last). It only moves forward.</summary>
    private void ReadDefinitions(ByteView table, NameReader text)
    {
        for (ulong at = 0; table.TryUInt32(at + 16, out var next);)
        {
            table.TryUInt16(at + 4, out var index);
            if (table.TryUInt32(at + table.UInt32(at + 12), out var name)) names.TryAdd(index & 0x7fff, text.At(name));
            if (next == 0) break;
            at += next;
        }
    }
}
