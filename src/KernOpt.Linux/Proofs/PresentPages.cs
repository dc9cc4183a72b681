using System.Runtime.InteropServices;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Proofs;

/// <summary>Which pages of a mapping have ever been written (proc_pid_pagemap(5)), so that a scan does not make the kernel provide the others.</summary>
internal sealed class PresentPages(int pid)
{
    private const ulong Page = 4096, Present = 1UL << 63, Swapped = 1UL << 62;

    /// <summary>Runs of present or swapped pages; the whole mapping where the file cannot be read.</summary>
    public IEnumerable<AddressRange> Of(AddressRange range)
    {
        var descriptor = SystemCall.Open($"/proc/{pid}/pagemap", OpenFlags.ReadOnly);
        if (descriptor < 0) return [range];
        var entries = new ulong[range.Length / Page];
        var length = SystemCall.ReadAt(descriptor, MemoryMarshal.AsBytes(entries.AsSpan()), range.Start.Value / Page * 8);
        SystemCall.Close(descriptor);
        return length == entries.Length * 8 ? Runs(range.Start, entries) : [range];
    }

    internal static IEnumerable<AddressRange> Runs(Address start, ulong[] entries)
    {
        for (var i = 0; i < entries.Length; i++)
        {
            var first = i;
            while (i < entries.Length && (entries[i] & (Present | Swapped)) != 0) i++;
            if (i > first) yield return new(start + ((ulong)first * Page), (ulong)(i - first) * Page);
        }
    }
}
